"""Tests that the documentation names only files and modules of the project that exist."""

import re

import pytest

from data.base.paths import PROJECT_ROOT

PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CONTRIBUTING.md", *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
ROOMS = "flows|tasks|expectations|models|reports|data|benchmarks|tests|docs|deploy"
PATH = re.compile(rf"(?<![\w./])(?:{ROOMS})/[\w./-]*\w")
MODULE = re.compile(rf"(?<![\w./])(?:{ROOMS})(?:\.\w+)+(?![\w/])")
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_a_page_names_exist(page):
    assert missing_in(page.read_text(encoding="utf-8"), page.parent) == []


def test_a_file_or_module_that_is_missing_is_found():
    text = "`models/none.py`, `python -m data.none`, `data.base.paths.NONE`, [page](none.md); `data.base.paths`"
    assert missing_in(text, PROJECT_ROOT) == ["models/none.py", "none.md", "data.none", "data.base.paths.NONE"]
