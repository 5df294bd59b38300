"""Examples in docstrings, run as they stand."""

import doctest

import pytest

from data.quality import partition
from data.sources import source
from data.workspace import digests, store


@pytest.mark.parametrize("module", [source, digests, store, partition], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
