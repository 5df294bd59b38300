"""Hostile names of files, classes and runs: copied whole or refused, and text on every page."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data.manifest.table import build_manifest
from data.sources.extract import copy_folder
from data.sources.limits import ExtractLimits
from reports.dataset.verdict_page import render_verdict, verdict_markdown
from reports.site.entries import make_entry
from reports.site.index import render_index
from tests.faults.limited_child import Case, Handled, Refused
from tests.reports.dataset.test_verdict_page import QUARANTINE, make_evidence, make_summary
from tests.reports.run.test_page import PageReader
from tests.support.image_tree import make_pixels, write_image
from tests.support.results_factory import make_results

pytestmark = pytest.mark.faults
KIND = "names"

NAMES = {
    "script": "<script>alert(1)",
    "picture with a handler": "<img src=x onerror=alert(1)>",
    "end of an attribute": '" onload="alert(1)',
    "brackets of the terminal": "[red]a[bold][link=http:x]b[",
    "Markdown": "![x](http:--evil) `code` |cell| **a**",
    "template": "{{ 7 * 7 }}{% raw %}",
    "shell": "$(rm -rf ~);`id`&&x",
    "leading hyphens": "--help -rf",
    "right to left": "photo\u202egpj.exe",
    "line separators": "a\u2028b\u0085c",
    "no width": "a\u200b\ufeffb",
    "formula": "=cmd|' -C calc'!A0",
    "quotes and commas": "a\",\"b','c",
    "spaces": " a  b ",
    "percent signs": "%2e%2e%2f%s%n",
    "emoji and accents": "é\u0301😀漢字",
    "device of Windows": "CON",
    "255 bytes": "n" * 251,
}
"""Names that a file may have; the ending .png or .jpg follows."""

BYTES = {
    "line break": (b"a\nb", Refused("cannot be written")),
    "escape character": (b"a\x1b[2Jb", Refused("cannot be written")),
    "not UTF-8": (b"\xff\xfe", Handled(["%FF%FE", "happy", True])),
    "half a character": (b"\xed\xa0\x80", Handled(["%ED%A0%80", "happy", True])),
}
PLAIN = "plain"


def write_named(name: bytes, folder: Path) -> None:
    path = write_image(folder / "in/train/happy/0.png", make_pixels(np.random.default_rng(1)))
    path.rename(path.with_name(os.fsdecode(name + b".png")))


def copy_and_measure(folder: Path) -> list[object]:
    """Copy the folder and build its manifest; return the file's name, and whether it is an image of its class."""
    copy_folder(folder / "in", folder / "out", ExtractLimits())
    row = build_manifest(folder / "out").iloc[0]
    return [Path(row["path"]).name.removesuffix(".png"), row["label"], bool(row["decodable"])]


def shape_of(page: str) -> list[tuple[str, list[str]]]:
    """Return the tags of a page with the names of their attributes."""
    return [(tag, sorted(attributes)) for tag, attributes in PageReader(page).tags]


def index_page(name: str, folder: Path) -> str:
    results = make_results(folder / "results", trained=1, run_name=name)
    entry = make_entry("0123456789abcdef", results).model_copy(update={"source": name, "best": name})
    return render_index([entry], [name])


def verdict_page(name: str, folder: Path) -> str:
    evidence = make_evidence(np.random.default_rng(0))
    exhibits = evidence.exhibits[0].groups[0]
    renamed = tuple(picture.model_copy(update={"path": f"train/{name}/{name}.jpg"}) for picture in exhibits)
    first = evidence.exhibits[0].model_copy(update={"groups": (renamed,)})
    evidence = evidence.model_copy(update={"exhibits": (first, *evidence.exhibits[1:])})
    (folder / "page").mkdir(exist_ok=True)
    summary = make_summary().model_copy(update={"source": name})
    render_verdict(summary, evidence, QUARANTINE.assign(path=name), folder / "page")
    verdict_markdown(summary, evidence, {"page": name})
    return (folder / "page/verdict.html").read_text()


def shown_as_text(render: Callable[[str, Path], str], name: str, folder: Path) -> list[bool]:
    """Return whether a page has the same tags with a hostile name as with a plain one, and shows the name."""
    plain = render(PLAIN, folder / "plain")
    hostile = render(name, folder / "hostile")
    return [shape_of(hostile) == shape_of(plain), name.split()[0] in PageReader(hostile).text]


def make_folders(folder: Path) -> None:
    (folder / "plain").mkdir()
    (folder / "hostile").mkdir()


CASES = [
    *(
        Case(f"file: {what}", partial(write_named, name.encode()), copy_and_measure, Handled([name, "happy", True]))
        for what, name in NAMES.items()
    ),
    *(
        Case(f"file: {what}", partial(write_named, name), copy_and_measure, expected)
        for what, (name, expected) in BYTES.items()
    ),
    *(
        Case(f"{page}: {what}", make_folders, partial(shown_as_text, render, name), Handled([True, True]))
        for page, render in {"index of the reports": index_page, "verdict": verdict_page}.items()
        for what, name in NAMES.items()
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_name_is_text(case, check):
    check(case)
