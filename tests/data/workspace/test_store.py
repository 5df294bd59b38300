"""The workspace: complete or absent, keyed by what counts, one writer a key."""

import errno
import gc
import json
import os
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.workspace import atomic
from data.workspace.atomic import write_atomically
from data.workspace.digests import hash_json
from data.workspace.ownership import list_owned
from data.workspace.stage_record import read_record
from data.workspace.store import Workspace


def write_text(text):
    return lambda out: (out / "content.txt").write_text(text) and None


def test_produce_writes_once_and_then_finds_it(tmp_path):
    workspace = Workspace(tmp_path)
    first = workspace.produce("stage", {"a": 1}, write_text("one"))
    second = workspace.produce("stage", {"a": 1}, write_text("two"))
    assert (first.cached, second.cached) == (False, True)
    assert second.path == first.path
    assert (second.path / "content.txt").read_text() == "one"


def test_other_inputs_have_another_key(tmp_path):
    workspace = Workspace(tmp_path)
    one = workspace.produce("stage", {"a": 1}, write_text("one"))
    two = workspace.produce("stage", {"a": 2}, write_text("two"))
    assert one.key != two.key


def test_key_does_not_depend_on_the_order_of_inputs():
    assert hash_json({"a": 1, "b": {"c": 2, "d": 3}}) == hash_json({"b": {"d": 3, "c": 2}, "a": 1})


def test_record_names_inputs_and_checksums(tmp_path):
    produced = Workspace(tmp_path).produce("stage", {"a": 1}, write_text("one"))
    record = read_record(produced.path)
    assert record.inputs == {"a": 1}
    assert record.files["content.txt"][0] == 3
    assert json.loads((produced.path / "_complete.json").read_text())["key"] == produced.key


def test_failed_write_leaves_nothing(tmp_path):
    def fail(out: Path) -> None:
        (out / "half.txt").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Workspace(tmp_path).produce("stage", {}, fail)
    assert [path.name for path in (tmp_path / "stage").iterdir() if not path.name.endswith(".lock")] == []


def test_resumable_write_goes_on_where_it_failed(tmp_path):
    workspace, tries = Workspace(tmp_path), []

    def fail_once(out: Path) -> None:
        tries.append((out / "epoch.txt").exists())
        (out / "epoch.txt").write_text("1")
        if len(tries) == 1:
            raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        workspace.produce("stage", {}, fail_once, resumable=True)
    produced = workspace.produce("stage", {}, fail_once, resumable=True)
    assert tries == [False, True]
    assert not workspace.work_directory("stage", produced.key).exists()


@pytest.mark.parametrize("damage", ["shorter", "missing", "no record", "record not UTF-8", "record empty"])
def test_damaged_directory_is_written_again(tmp_path, damage):
    workspace = Workspace(tmp_path)
    produced = workspace.produce("stage", {}, write_text("whole"))
    if damage == "shorter":
        (produced.path / "content.txt").write_text("w")
    elif damage == "missing":
        (produced.path / "content.txt").unlink()
    elif damage.startswith("record"):
        (produced.path / "_complete.json").write_bytes(b"\xff" if damage == "record not UTF-8" else b"")
    else:
        (produced.path / "_complete.json").unlink()
    again = workspace.produce("stage", {}, write_text("whole"))
    assert not again.cached
    assert (again.path / "content.txt").read_text() == "whole"


def test_a_flipped_byte_in_a_record_or_table_is_noticed(tmp_path):
    def write(out):
        (out / "results.json").write_text('{"accuracy": 0.71}')
        (out / "table.parquet").write_bytes(b"a table")

    workspace = Workspace(tmp_path)
    produced = workspace.produce("stage", {}, write)
    for name in ("results.json", "table.parquet"):
        whole = (produced.path / name).read_bytes()
        (produced.path / name).write_bytes(bytes([whole[0] ^ 128]) + whole[1:])
        again = workspace.produce("stage", {}, write)
        assert not again.cached
        assert (again.path / name).read_bytes() == whole


def test_force_writes_again(tmp_path):
    Workspace(tmp_path).produce("stage", {}, write_text("old"))
    forced = Workspace(tmp_path, force=True).produce("stage", {}, write_text("new"))
    assert (forced.path / "content.txt").read_text() == "new"


def test_force_begins_a_resumable_stage_again_and_then_resumes_it(tmp_path):
    tries = []

    def be_killed(out: Path) -> None:
        tries.append(sorted(path.name for path in out.iterdir()))
        (out / f"epoch_{len(tries)}").touch()
        if len(tries) < 3:
            raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        Workspace(tmp_path).produce("stage", {}, be_killed, resumable=True)
    forced = Workspace(tmp_path, force=True)
    with pytest.raises(ValueError, match="killed"):
        forced.produce("stage", {}, be_killed, resumable=True)
    forced.produce("stage", {}, be_killed, resumable=True)
    assert tries == [[], [], ["epoch_2"]]


def test_a_stage_stands_whole_until_the_new_one_takes_its_name(tmp_path, monkeypatch):
    old = Workspace(tmp_path).produce("stage", {}, write_text("old"))
    seen, remove = [], atomic.delete_trash

    def watch(target) -> None:
        seen.append((old.path / "content.txt").read_text())
        remove(target)

    monkeypatch.setattr(atomic, "delete_trash", watch)
    (old.path.parent / f".{old.key}.old").mkdir()  # left by a run that was killed
    Workspace(tmp_path, force=True).produce("stage", {}, write_text("new"))
    assert seen == ["old", "new"]
    assert [path.name for path in old.path.parent.iterdir() if not path.name.endswith(".lock")] == [old.key]


def test_second_writer_waits_and_finds_it_done(tmp_path):
    writes, outcomes = [], []

    def slow(out: Path) -> None:
        writes.append(1)
        time.sleep(0.3)
        (out / "content.txt").write_text("one")

    def produce() -> None:
        outcomes.append(Workspace(tmp_path).produce("stage", {}, slow).cached)

    threads = [threading.Thread(target=produce) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writes == [1]
    assert sorted(outcomes) == [False, True]


def test_waiting_for_another_writer_can_be_given_up(tmp_path):
    holds, done, ending = threading.Event(), threading.Event(), threading.Event()

    def hold(out: Path) -> None:
        holds.set()
        done.wait(20)

    holder = threading.Thread(target=Workspace(tmp_path).produce, args=["stage", {}, hold])
    holder.start()
    assert holds.wait(20)
    threading.Timer(0.2, ending.set).start()
    with pytest.raises(PipelineError, match="another run holds"):
        Workspace(tmp_path).produce("stage", {}, write_text("two"), give_up=ending.is_set)
    assert holder.is_alive(), "the lock was held all the while"
    done.set()
    holder.join()


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def nearly_full(monkeypatch):
    """A disk with 1000 MB free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: DiskUsage(2000, 1000, 1_000_000_000))


def test_a_stage_without_room_is_not_begun_and_says_what_it_needs(tmp_path, nearly_full):
    workspace = Workspace(tmp_path, reserve_bytes=200_000_000)
    with pytest.raises(PipelineError) as refusal:
        workspace.produce("views", {}, write_text("one"), need=lambda: 900_000_000)
    assert "got 1000 MB of free space" in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)
    assert "expected 900 MB for the next of views and 200 MB to spare" in str(refusal.value)
    assert "emotion prune" in str(refusal.value) and "EMOTION_WORKSPACE" in str(refusal.value)
    assert [path.name for path in (tmp_path / "views").iterdir() if not path.name.endswith(".lock")] == []


def test_a_stage_with_room_is_written_and_found_again_on_a_full_disk(tmp_path, nearly_full):
    workspace = Workspace(tmp_path, reserve_bytes=200_000_000)
    workspace.produce("views", {}, write_text("one"), need=lambda: 800_000_000)
    again = Workspace(tmp_path, reserve_bytes=1_100_000_000).produce("views", {}, write_text("two"))
    assert again.cached


def test_the_reserve_is_for_stages_that_name_no_need(tmp_path, nearly_full):
    with pytest.raises(PipelineError, match="expected 0 MB for the next of verdicts and 1001 MB to spare"):
        Workspace(tmp_path, reserve_bytes=1_001_000_000).produce("verdicts", {}, write_text("one"))


def test_a_discarded_stage_is_gone_and_made_again(tmp_path):
    key, used = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    assert Workspace(tmp_path).discard("stage", key, used)
    assert [path.name for path in (tmp_path / "stage").iterdir() if not path.name.endswith(".lock")] == []
    assert not Workspace(tmp_path).produce("stage", {}, write_text("two")).cached


def test_what_was_used_since_it_was_judged_is_not_discarded(tmp_path):
    key, used = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    os.utime(tmp_path / "stage" / key / "_complete.json", (0, 0))
    assert not Workspace(tmp_path).discard("stage", key, used)
    assert (tmp_path / "stage" / key / "content.txt").exists()


def test_what_is_being_written_is_neither_discarded_nor_taken_for_broken_off(tmp_path):
    key, used = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    seen = []

    def write(out: Path) -> None:
        other = Workspace(tmp_path)
        seen.append((other.is_written("stage", key), other.discard("stage", key, used)))
        seen.append((out.is_dir(), other.discard_work("stage", key)))
        write_text("new")(out)

    Workspace(tmp_path, force=True).produce("stage", {}, write)
    assert seen == [(True, False), (True, False)]


def forget(produced):
    """Return a stage's key and when it was used, as one that no living process holds."""
    gc.collect()
    return produced.key, (produced.path / "_complete.json").stat().st_mtime


def test_a_text_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"

    def break_off(self: Path, text: str, encoding: str) -> None:
        self.write_bytes(text[:3].encode())
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", break_off)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, "the third")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("plan.json", b"new")]


def test_a_flipped_byte_is_found_before_it_is_used_if_asked_for(tmp_path):
    first = Workspace(tmp_path).produce("stage", {}, write_text("content"))
    path = first.path / "content.txt"
    path.write_text("cOntent")
    assert Workspace(tmp_path).produce("stage", {}, write_text("unused")).cached, "sizes alone are compared"
    assert not Workspace(tmp_path).produce("stage", {}, write_text("content"), verify=True).cached
    assert path.read_text() == "content"
    assert Workspace(tmp_path).produce("stage", {}, write_text("unused"), verify=True).cached


def test_files_of_a_person_in_a_stage_that_is_replaced_are_kept(tmp_path, caplog):
    first = Workspace(tmp_path).produce("stage", {}, write_text("old"))
    (first.path / "notes.txt").write_text("mine")
    again = Workspace(tmp_path, force=True).produce("stage", {}, write_text("new"))
    assert (again.path / "content.txt").read_text() == "new"
    (saved,) = again.path.parent.glob("*.saved-*")
    assert (saved / "notes.txt").read_text() == "mine"
    assert str(saved) in caplog.text


def test_a_disk_that_becomes_full_is_told_and_leaves_nothing(tmp_path):
    workspace = Workspace(tmp_path, reserve_bytes=0)

    def fill(number):
        def write(out):
            (out / "half").write_text("half")
            raise OSError(number, "of the disk")

        return write

    for number in (errno.ENOSPC, errno.EDQUOT):
        with pytest.raises(PipelineError, match=r"while views was written.*emotion prune"):
            workspace.produce("views", {}, fill(number))
    with pytest.raises(OSError, match="of the disk"):
        workspace.produce("views", {}, fill(errno.EIO))
    assert [path.name for path in (tmp_path / "views").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize(("need", "fits"), [(800_000_000, True), (800_000_001, False)])
def test_room_is_enough_if_exactly_the_reserve_is_left(tmp_path, nearly_full, need, fits):
    workspace = Workspace(tmp_path, reserve_bytes=200_000_000)
    if fits:
        workspace.require_space(need, "a copy")
        return
    with pytest.raises(PipelineError) as refusal:
        workspace.require_space(need + 1_500_000, "a copy")
    assert str(refusal.value) == (
        f"got 1000 MB of free space in {tmp_path}, expected 802 MB for a copy and 200 MB to spare: run `emotion "
        "prune`, set EMOTION_WORKSPACE to a directory on a larger disk, or EMOTION_RESERVE_BYTES to what is to be "
        "spared"
    )
    with pytest.raises(PipelineError):
        workspace.require_space(need, "a copy")


def test_without_a_choice_256_mebibytes_are_spared_and_finished_stages_are_used():
    workspace = Workspace(Path("nowhere"))
    assert (workspace.reserve_bytes, workspace.force) == (268_435_456, False)
    assert workspace.root == Path.cwd() / "nowhere" and not workspace.root.exists()


def test_a_record_has_the_seconds_of_the_write_and_the_time_with_its_zone(tmp_path, monkeypatch):
    clock = iter([10.0, 12.34567])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, 12.34567))
    before = datetime.now().astimezone().replace(microsecond=0)
    record = read_record(Workspace(tmp_path).produce("stage", {}, write_text("one")).path)
    assert record.seconds == 2.346
    made = datetime.fromisoformat(record.created)
    assert made.tzinfo is not None and before <= made <= datetime.now().astimezone()


def test_finding_a_stage_again_counts_as_its_use(tmp_path):
    record = Workspace(tmp_path).produce("stage", {}, write_text("one")).path / "_complete.json"
    os.utime(record, (1_000, 1_000))
    before = time.time() - 1
    assert Workspace(tmp_path).produce("stage", {}, write_text("two")).cached
    assert record.stat().st_mtime > before


def test_what_a_stage_produced_cannot_be_changed(tmp_path):
    produced = Workspace(tmp_path).produce("stage", {}, write_text("one"))
    with pytest.raises(ValidationError, match="frozen"):
        produced.key = "other"


def test_a_stage_is_found_by_size_and_if_asked_for_by_content(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.find("stage", "0" * 16) is None
    produced = workspace.produce("stage", {}, write_text("one"))
    assert workspace.find("stage", produced.key) == workspace.find("stage", produced.key, verify=True) == produced.path
    (produced.path / "content.txt").write_text("two")
    assert workspace.find("stage", produced.key) == produced.path
    assert workspace.find("stage", produced.key, verify=True) is None


def test_a_stage_or_its_work_that_a_living_process_uses_is_not_discarded(tmp_path):
    key, used = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    workspace = Workspace(tmp_path)
    work = workspace.work_directory("stage", key)
    work.mkdir()
    user = Workspace(tmp_path)
    assert user.produce("stage", {}, write_text("two")).cached
    used = (tmp_path / "stage" / key / "_complete.json").stat().st_mtime
    assert not workspace.discard("stage", key, used) and not workspace.discard_work("stage", key)
    assert workspace.find("stage", key) and work.is_dir()
    del user
    gc.collect()
    assert workspace.discard("stage", key, used) and workspace.discard_work("stage", key)
    assert workspace.find("stage", key) is None and not work.exists()


def test_a_stage_with_files_of_a_person_is_not_discarded(tmp_path):
    key, used = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    notes = tmp_path / "stage" / key / "notes.txt"
    notes.write_text("mine")
    assert not Workspace(tmp_path).discard("stage", key, used)
    notes.unlink()
    assert Workspace(tmp_path).discard("stage", key, used)


def test_a_stage_whose_record_is_gone_is_discarded(tmp_path):
    key, used = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    (tmp_path / "stage" / key / "_complete.json").unlink()
    assert Workspace(tmp_path).discard("stage", key, used)
    assert not (tmp_path / "stage" / key).exists()


def test_nobody_writes_a_finished_stage(tmp_path):
    key, _ = forget(Workspace(tmp_path).produce("stage", {}, write_text("one")))
    assert not Workspace(tmp_path).is_written("stage", key)


@pytest.mark.parametrize("content", [b"", b"\xff"])
def test_a_damaged_stage_that_is_replaced_is_saved_for_a_person_may_have_put_files_into_it(tmp_path, content):
    first = Workspace(tmp_path).produce("stage", {}, write_text("old"))
    (first.path / "_complete.json").write_bytes(content)
    (first.path / "notes.txt").write_text("mine")
    assert not Workspace(tmp_path).produce("stage", {}, write_text("new")).cached
    (saved,) = (tmp_path / "stage").glob("*.saved-*")
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == {
        "_complete.json": content,
        "content.txt": b"old",
        "notes.txt": b"mine",
    }


def test_a_stage_without_other_files_is_replaced_without_a_copy(tmp_path):
    Workspace(tmp_path).produce("stage", {}, write_text("old"))
    Workspace(tmp_path, force=True).produce("stage", {}, write_text("new"))
    assert not list((tmp_path / "stage").glob("*.saved-*"))


def test_a_working_directory_has_an_entry_in_the_ledger_as_long_as_it_is_there(tmp_path):
    workspace = Workspace(tmp_path)

    def fail(out: Path) -> None:
        assert list(list_owned(tmp_path)) == [out]
        raise ValueError("no")

    for resumable, expected in ((False, []), (True, [workspace.work_directory("stage", hash_json({}))])):
        with pytest.raises(ValueError, match="no"):
            workspace.produce("stage", {}, fail, resumable=resumable)
        assert list(list_owned(tmp_path)) == expected
    workspace.produce("stage", {}, write_text("one"), resumable=True)
    assert list(list_owned(tmp_path)) == []


def test_work_that_was_left_is_not_resumed_if_the_stage_is_not_resumable(tmp_path):
    workspace = Workspace(tmp_path)
    work = workspace.work_directory("stage", hash_json({}))
    workspace.claim()
    work.mkdir(parents=True)
    (work / "half.txt").write_text("half")
    produced = workspace.produce("stage", {}, write_text("one"))
    assert set(read_record(produced.path).files) == {"content.txt"}
