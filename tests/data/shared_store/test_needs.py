"""Needs: no directory of a workspace speaks for another one."""

import json
import shutil

import pytest

from data.shared_store.needs import directory_id, list_named_needs, list_needs, write_needs
from data.shared_store.objects import UnreadableRecord
from data.shared_store.state import pull_state, push_state
from data.shared_store.transfer import push_missing, tell_needs
from data.shared_store.upkeep import prune_store
from data.workspace.layout import REPORTS_STAGE
from data.workspace.reachability import PrunePolicy
from data.workspace.store import Workspace

NEWEST = PrunePolicy(keep=1, days=0)


@pytest.fixture
def first(store, tmp_path):
    workspace = Workspace(tmp_path / "first")
    workspace.claim()
    push_state(store, workspace.root)
    return workspace


def report_from(workspace, store):
    """Make a report in a directory, and tell the store of it; return its kind and key."""
    report = workspace.produce(REPORTS_STAGE, {"of": workspace.root.name}, lambda out: (out / "text").write_text("a"))
    push_missing(store, workspace, lambda *_: None)
    tell_needs(store, workspace, NEWEST)
    return report.stage, report.key


def needed(store):
    return {place for needs in list_needs(store) for place in needs.stages}


def test_a_second_directory_on_the_same_host_does_not_take_the_report_of_the_first(store, first, tmp_path):
    pull_state(store, tmp_path / "second")
    second = Workspace(tmp_path / "second")
    reports = {report_from(first, store), report_from(second, store)}
    assert second.id == first.id
    assert needed(store) == reports
    assert prune_store(store, 0, dry_run=True).stages == ()


def test_what_a_directory_needs_is_replaced_by_what_it_needs_later(store, first):
    report = report_from(first, store)
    write_needs(store, first.id, [], directory_id(first.root))
    assert needed(store) == set()
    tell_needs(store, Workspace(first.root), NEWEST)
    assert needed(store) == {report}
    assert len(list(list_needs(store))) == 1


def test_a_copied_directory_is_another_one_on_the_same_host_and_elsewhere(store, first, tmp_path, monkeypatch):
    tell_needs(store, first, NEWEST)
    shutil.copytree(first.root, tmp_path / "copy")
    tell_needs(store, Workspace(tmp_path / "copy"), NEWEST)
    monkeypatch.setattr("socket.gethostname", lambda: "second host")
    tell_needs(store, first, NEWEST)  # as if copied to the same path
    assert len(list(list_needs(store))) == 3


def test_a_name_says_the_host_to_a_person(store, first, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "second host")
    tell_needs(store, first, NEWEST)
    ((name, needs),) = list_named_needs(store)
    assert name == f"needs/{first.id}/second-host-{directory_id(first.root)}.json"
    assert needs.host == "second host"


def test_needs_of_earlier_releases_count(store, first):
    store.write(
        f"needs/{first.id}/host.json",
        json.dumps({"workspace": first.id, "host": "host", "stages": [["reports", "0" * 16]]}).encode(),
    )
    tell_needs(store, first, NEWEST)
    assert needed(store) == {("reports", "0" * 16)}


def test_a_damaged_id_is_replaced(first):
    former = directory_id(first.root)
    (first.root / ".shared_needs.json").write_text("{")
    assert directory_id(first.root) != former
    assert directory_id(first.root) == directory_id(first.root)


def test_one_that_cannot_be_read_is_named(store):
    write_needs(store, "w", [])
    store.write("needs/w/zz.json", b'{"workspace": 3')
    with pytest.raises(UnreadableRecord, match=r"got needs/w/zz\.json in the store that cannot be read"):
        list(list_needs(store))
