"""What must survive a power loss is on the disk before it gets its name.

A power loss cannot be played in a test, so the calls of fsync and rename are recorded: their order is what matters.
"""

import errno
import os
from pathlib import Path

import pytest

from data.workspace import atomic
from data.workspace.atomic import (
    delete_trash,
    locked,
    put_in_place,
    remove_via_rename,
    sync_directory,
    sync_tree,
    try_lock,
    write_atomically,
)
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


@pytest.mark.parametrize(("files", "together"), [(500, False), (501, True)])
def test_up_to_five_hundred_files_are_synced_one_by_one(tmp_path, monkeypatch, files, together):
    done = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("one"))
    monkeypatch.setattr(os, "sync", lambda: done.append("all"))
    for number in range(files):
        (tmp_path / str(number)).touch()
    sync_tree(tmp_path)
    assert done == (["all"] if together else ["one"] * (files + 1)), "each file and the directory"


@pytest.mark.parametrize(
    ("number", "ignored"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False), (errno.ENOSPC, False)]
)
def test_only_a_file_system_that_cannot_sync_directories_is_left_alone(tmp_path, monkeypatch, number, ignored):
    def refuse(descriptor):
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    if ignored:
        sync_directory(tmp_path)
    else:
        with pytest.raises(OSError, match="refused"):
            sync_directory(tmp_path)


def test_the_record_of_what_is_deleted_goes_last(tmp_path, monkeypatch):
    trash = tmp_path / ".stage.old"
    (trash / "folder").mkdir(parents=True)
    for name in ("_complete.json", "a.txt", "folder/b.txt", "z.txt"):
        (trash / name).touch()
    gone, unlink = [], Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path, **options: gone.append(path.name) or unlink(path, **options))
    delete_trash(tmp_path / "stage")
    assert sorted(gone[:-1]) == ["a.txt", "z.txt"] and gone[-1] == "_complete.json"
    assert list(tmp_path.iterdir()) == []
    delete_trash(tmp_path / "stage")  # there is nothing left, which is no error


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "notes.txt").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(theirs)
    (tmp_path / "link").symlink_to(theirs)
    for target in (folder, tmp_path / "link"):
        remove_via_rename(target)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["notes.txt", "theirs"]


def test_the_rest_of_a_removal_that_was_killed_goes_with_the_next(tmp_path):
    (tmp_path / ".file.old").write_text("old")
    (tmp_path / "file").write_text("new")
    remove_via_rename(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_stage_takes_its_name_although_the_older_one_cannot_be_deleted(tmp_path, monkeypatch):
    for name in ("work", "stage"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()

    unlink = Path.unlink

    def refuse(path, **options):
        if path.name == "stage.txt":
            raise PermissionError(path)
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    put_in_place(tmp_path / "work", tmp_path / "stage")
    assert [path.name for path in (tmp_path / "stage").iterdir()] == ["work.txt"]
    assert (tmp_path / ".stage.old" / "stage.txt").exists()


def test_a_lock_is_held_by_one_and_free_afterwards(tmp_path):
    lock = tmp_path / "folder" / "deeper" / ".key.lock"
    with locked(lock, lambda: False), try_lock(lock) as mine:
        assert mine is False
    with try_lock(lock) as mine:
        assert mine is True
        with try_lock(lock) as second:
            assert second is False
    with locked(lock, lambda: True):
        assert lock.exists()
