"""Examples in docstrings, run as they stand."""

import doctest
import importlib

import pytest

from data.base.paths import PROJECT_ROOT
from data.workspace.digests import ROOMS

WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts)
    for room in ROOMS
    for path in (PROJECT_ROOT / room).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_ten_public_entry_points_have_an_example():
    assert len(WITH_EXAMPLES) >= 10


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
