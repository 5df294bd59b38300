"""What must survive a power loss is on the disk before it gets its name.

A power loss cannot be played in a test, so the calls of fsync and rename are recorded: their order is what matters.
"""

import os
from pathlib import Path

import pytest

from data.workspace import atomic
from data.workspace.atomic import sync_tree, write_atomically
from data.workspace.store import Workspace
from models.registry.journal import ChampionMove, Journal


@pytest.fixture
def steps(monkeypatch):
    """Record what is forced to the disk and what is renamed; both still happen."""
    found: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor):
        found.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def recorded_replace(self, target):
        found.append(("name", str(target)))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    return found


def test_a_text_file_is_on_the_disk_before_and_its_name_after(tmp_path, steps):
    write_atomically(tmp_path / "a.json", "{}")
    (first, work), second, third = steps
    assert (first, Path(work).parent) == ("sync", tmp_path)
    assert (second, third) == (("name", str(tmp_path / "a.json")), ("sync", str(tmp_path)))


def test_a_stage_is_on_the_disk_before_its_record_and_its_name(tmp_path, steps):
    def write(out):
        (out / "folder").mkdir()
        (out / "folder" / "table.parquet").write_bytes(b"a table")
        (out / "results.json").write_text("{}")

    made = Workspace(tmp_path).produce("stage", {}, write)
    work = tmp_path / "stage" / f".{made.key}.work"
    contents = {("sync", str(work / name)) for name in ("folder", "folder/table.parquet", "results.json", "")}
    contents = {(step, name.rstrip("/")) for step, name in contents}
    record = steps.index(("name", str(work / "_complete.json")))
    named = steps.index(("name", str(made.path)))
    assert contents <= set(steps[:record])
    assert ("sync", str(work)) in steps[record:named]
    assert steps[named + 1] == ("sync", str(tmp_path / "stage"))


def test_many_files_are_synced_together(tmp_path, steps, monkeypatch):
    monkeypatch.setattr(atomic, "SYNCED_ONE_BY_ONE", 2)
    monkeypatch.setattr(os, "sync", lambda: steps.append(("sync", "all")))
    for number in range(3):
        (tmp_path / str(number)).write_text("a picture")
    sync_tree(tmp_path)
    assert steps == [("sync", "all")]


def test_a_link_that_leads_nowhere_is_no_error(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    sync_tree(tmp_path)


def test_a_line_of_the_journal_is_on_the_disk_before_the_next_step(tmp_path, steps):
    journal = Journal(tmp_path / "moves.jsonl")
    move = ChampionMove(registry="r", kind="promotion", by="test", reason="why", source=0, target=1)
    journal.append("intent", move)
    assert steps == [("sync", str(journal.path)), ("sync", str(tmp_path))]
    journal.append("done", move)
    assert steps[2:] == [("sync", str(journal.path))]
