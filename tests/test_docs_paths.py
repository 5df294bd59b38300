"""Tests that the documentation names only files, modules and headings that exist, and every page and setting."""

import re

import pytest

from data.base.paths import PROJECT_ROOT
from flows.settings import PREFIX, Settings
from tests.support.doc_commands import PAGES, page_name

DOCS = PROJECT_ROOT / "docs"
ROOMS = "flows|serving|tasks|expectations|models|reports|data|benchmarks|tests|docs|deploy"
PATH = re.compile(rf"(?<![\w./])(?:{ROOMS})/[\w./-]*\w")
MODULE = re.compile(rf"(?<![\w./])(?:{ROOMS})(?:\.\w+)+(?![\w/])")
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
ANCHOR = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def missing_in(text, folder):
    """Return the paths, modules and linked files that a page names and the project does not have."""
    code = "\n".join(CODE.findall(text))
    paths = [path for path in PATH.findall(code) if not (PROJECT_ROOT / path).exists()]
    links = [link for link in LINK.findall(text) if not (folder / link).exists()]
    return paths + links + [module for module in MODULE.findall(code) if not names_module(module)]


def names_module(name):
    """Return whether a dotted name is a module or package of the project, or a name that one of its modules defines."""
    path = PROJECT_ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    module = path.parent.with_suffix(".py")
    return module.is_file() and bool(re.search(rf"^(?:def |class )?{path.name}\b", module.read_text(), re.MULTILINE))


def missing_headings(text, page):
    """Return the headings that links of a page name and that do not exist."""
    linked = [((page.parent / target if target else page), anchor) for target, anchor in ANCHOR.findall(text)]
    return [anchor for target, anchor in linked if anchor not in anchors_of(target.read_text(encoding="utf-8"))]


def anchors_of(text):
    """Return the anchors that GitHub makes of a page's headings."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_files_and_modules_that_a_page_names_exist(page):
    assert missing_in(page.read_text(encoding="utf-8"), page.parent) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_headings_that_links_of_a_page_name_exist(page):
    assert missing_headings(page.read_text(encoding="utf-8"), page) == []


def test_a_heading_that_is_missing_is_found():
    text = "[one](#look-up), [two](#none), [three](start.md#what-you-need), [four](start.md#none), [five](https://a.org/b#c)"
    assert missing_headings(text, DOCS / "README.md") == ["none", "none"]


def test_the_index_lists_every_page():
    linked = {link.rpartition("/")[2] for link in LINK.findall((DOCS / "README.md").read_text(encoding="utf-8"))}
    assert {page.name for page in PAGES} - linked == set()


def test_the_page_on_settings_has_every_setting():
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in text] == []


def test_a_file_or_module_that_is_missing_is_found():
    text = "`models/none.py`, `python -m data.none`, `data.base.paths.NONE`, [page](none.md); `data.base.paths`"
    assert missing_in(text, PROJECT_ROOT) == ["models/none.py", "none.md", "data.none", "data.base.paths.NONE"]
