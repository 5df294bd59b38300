"""Great Expectations' pages: they show suite and findings, run nothing, ask nobody, and are pruned."""

import re
from html import unescape
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.manifest.table import build_manifest
from expectations.data_docs import write_data_docs
from expectations.rules import DataRules
from tests.support.image_tree import make_manifest, write_image_tree

NAMES = (
    "<img src=x onerror=alert(1)>.png",
    "<script>alert(1)</script>.png",
    "\"'><svg onload=alert(1)>.png",
    "a & b $PATH {{ 1+1 }} \u202e é.png",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_wherever_it_stands(name: str, tmp_path: Path) -> None:
    manifest = make_manifest([("train", label, label) for label in ("happy", "sad", name)])
    paths = [f"train/happy/{name}", "train/sad/1.png", f"train/{name}/2.png"]
    manifest = manifest.assign(path=paths, width=30, mode="RGB", gray=False).astype(manifest.dtypes)
    write_data_docs(manifest, DataRules(), tmp_path, {"train": {"happy": 9, name: 2}})
    [page] = (tmp_path / "validations").rglob("*.html")
    text = page.read_text()
    assert name in unescape(text), "the name is shown"
    assert not any(name in shown.read_text() for shown in tmp_path.rglob("*.html")) or "<" not in name
    assert not re.search(r"<(script|img|svg)\b", text)


def test_no_page_runs_or_loads_anything(tmp_path: Path) -> None:
    write_data_docs(make_manifest([("train", "happy", "a")]), DataRules(), tmp_path)
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        text = page.read_text()
        assert "default-src 'none'" in text
        assert not re.search(r"<script|https?://|@import", text)


def test_data_docs_show_suite_and_findings(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path / "images", faults=["unknown_split", "colour"]))
    index = write_data_docs(manifest, DataRules(), tmp_path / "docs")
    assert index == tmp_path / "docs/index.html"
    assert 'href="expectations/manifest.html"' in index.read_text()
    [page] = (tmp_path / "docs/validations").rglob("*.html")
    assert "holdout" in page.read_text() and "train/happy/colour.png" in page.read_text()
    assert (tmp_path / "docs/expectations/manifest.html").is_file()
    with pytest.raises(PipelineError, match="no row"):
        write_data_docs(manifest.head(0), DataRules(), tmp_path / "none")
