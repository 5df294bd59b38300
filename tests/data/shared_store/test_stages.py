"""Stages in a store: complete or absent, the first record counts, damage is found and made good."""

import os
from pathlib import Path

import pytest

from data.shared_store import packs, stages
from data.shared_store.packs import object_name
from data.shared_store.stages import fetch_stage, has_stage, list_stages, push_stage, read_stage
from data.workspace.digests import checksum_files
from data.workspace.store import Workspace

CONTENTS = {"small.txt": b"small", "folder/other.txt": b"other", "large.bin": os.urandom(5 << 20)}


def write(out: Path) -> None:
    for name, content in CONTENTS.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(content)


@pytest.fixture
def stage(tmp_path):
    return Workspace(tmp_path / "here").produce("texts", {"a": 1}, write)


def test_a_stage_arrives_as_it_was(store, stage, tmp_path):
    assert push_stage(store, stage.path).is_first
    (tmp_path / "there").mkdir()
    record = fetch_stage(store, "texts", stage.key, tmp_path / "there")
    assert record is not None and checksum_files(tmp_path / "there") == record.files
    assert {name: (tmp_path / "there" / name).read_bytes() for name in CONTENTS} == CONTENTS
    assert list(list_stages(store)) == [("texts", stage.key)]


def test_many_small_files_are_few_objects(store, tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "PACK_BYTES", 1000)

    def write_many(out):
        for number in range(100):
            (out / f"{number:03}.txt").write_text(f"{number:03}" * 10)

    made = Workspace(tmp_path / "here").produce("texts", {"many": True}, write_many)
    push_stage(store, made.path)
    assert len(list(store.list("objects"))) == 3
    (tmp_path / "there").mkdir()
    record = fetch_stage(store, "texts", made.key, tmp_path / "there")
    assert record is not None and checksum_files(tmp_path / "there") == record.files


def test_the_first_record_counts_and_the_second_is_compared(store, stage, tmp_path):
    def write_other(out):
        write(out)
        (out / "small.txt").write_text("later")

    push_stage(store, stage.path)
    other = Workspace(tmp_path / "elsewhere").produce("texts", {"a": 1}, write_other)
    assert push_stage(store, other.path) == (False, ("small.txt",))
    (tmp_path / "there").mkdir()
    fetch_stage(store, "texts", stage.key, tmp_path / "there")
    assert (tmp_path / "there" / "small.txt").read_bytes() == b"small"


def test_a_cut_off_upload_is_no_stage_and_is_completed(store, stage, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(type(store), "create", lambda *_: pytest.fail("cut off"))
        with pytest.raises(pytest.fail.Exception):
            push_stage(store, stage.path)
    assert list(store.list("objects")) and not has_stage(store, "texts", stage.key)
    assert push_stage(store, stage.path).is_first


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("damage", [b"other", None])
def test_a_damaged_object_is_found_removed_and_written_again(store, stage, tmp_path, large, damage, caplog):
    push_stage(store, stage.path)
    packed = read_stage(store, "texts", stage.key).packed
    name = object_name(packed.alone["large.bin"] if large else packed.packs[0])
    store.write(name, damage) if damage else store.delete(name)
    (tmp_path / "there").mkdir()
    assert fetch_stage(store, "texts", stage.key, tmp_path / "there") is None
    assert name in caplog.text and not has_stage(store, "texts", stage.key)
    assert push_stage(store, stage.path).is_first
    (tmp_path / "again").mkdir()
    assert fetch_stage(store, "texts", stage.key, tmp_path / "again") is not None


def test_all_damage_of_a_stage_is_made_good_by_one_push(store, stage, tmp_path):
    """A changed object of the same size looks written already, so it must be gone before the stage is pushed again."""
    push_stage(store, stage.path)
    for name in read_stage(store, "texts", stage.key).packed.objects():
        content = store.read(name)
        store.write(name, content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "there").mkdir()
    assert fetch_stage(store, "texts", stage.key, tmp_path / "there") is None
    push_stage(store, stage.path)
    (tmp_path / "again").mkdir()
    assert fetch_stage(store, "texts", stage.key, tmp_path / "again") is not None


def test_a_missing_stage_is_none(store, tmp_path):
    assert fetch_stage(store, "texts", "0" * 16, tmp_path) is None and list(stages.list_stages(store)) == []
