"""The accepted data set of a source: the last and the one before, also after a power loss."""

import pytest

from data.quality.accepted import read_accepted, write_accepted
from data.records.dataset import Accepted
from data.sources.source import parse_source
from data.workspace.store import Produced, Workspace

SOURCE = parse_source("sample")


def accept(workspace, key):
    write_accepted(Produced(stage="datasets", key=key, path=workspace.root, cached=False), SOURCE, workspace)


def test_the_last_and_the_one_before_are_known(tmp_path):
    workspace = Workspace(tmp_path)
    assert read_accepted(SOURCE, workspace) == Accepted(key="")
    for key in ("first", "second", "second"):
        accept(workspace, key)
    assert read_accepted(SOURCE, workspace) == Accepted(key="second", former="first")
    assert read_accepted(SOURCE, workspace).last_before("second") == "first"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"other": 1}', b"{}"])
def test_a_damaged_record_counts_as_none_and_is_replaced(tmp_path, content):
    workspace = Workspace(tmp_path)
    accept(workspace, "first")
    (path,) = (tmp_path / "accepted").glob("*.json")
    path.write_bytes(content)
    assert read_accepted(SOURCE, workspace) == Accepted(key="")
    accept(workspace, "second")
    assert read_accepted(SOURCE, workspace) == Accepted(key="second")


def test_each_source_has_a_record_of_its_own(tmp_path, tmp_path_factory):
    workspace, other = Workspace(tmp_path), parse_source(str(tmp_path_factory.mktemp("faces")))
    accept(workspace, "first")
    assert read_accepted(other, workspace) == Accepted(key="")
    write_accepted(Produced(stage="datasets", key="theirs", path=tmp_path, cached=False), other, workspace)
    accept(workspace, "second")
    assert read_accepted(SOURCE, workspace) == Accepted(key="second", former="first")
    assert read_accepted(other, workspace) == Accepted(key="theirs")
    assert len(list((tmp_path / "accepted").glob("*.json"))) == 2


def test_a_data_set_that_is_accepted_again_is_not_written_again(tmp_path):
    workspace = Workspace(tmp_path)
    accept(workspace, "first")
    (path,) = (tmp_path / "accepted").glob("*.json")
    before = path.stat().st_ino
    accept(workspace, "first")
    assert path.stat().st_ino == before and read_accepted(SOURCE, workspace) == Accepted(key="first")
