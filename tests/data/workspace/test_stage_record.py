"""Records of stages: which directories count, what is taken for damage, and which files are a person's."""

import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from data.workspace.stage_record import (
    StageRecord,
    find_damage,
    find_other_files,
    list_records,
    read_record,
)
from data.workspace.store import Workspace

EIGHT_MEBIBYTES = 8_388_608


def write_stage(root: Path, folder: str, name: str, files: dict[str, tuple[int, str]] | None = None, **fields) -> Path:
    """Write a stage's record at `folder/name`; `fields` replaces what the record says."""
    path = root / folder / name
    path.mkdir(parents=True)
    content = {"stage": folder, "key": name, "created": "", "inputs": {}, "files": files or {}, **fields}
    (path / "_complete.json").write_text(json.dumps(content))
    return path


def test_a_record_counts_where_it_says_that_it_lies(tmp_path):
    key = "0123456789abcdef"
    good = [write_stage(tmp_path, stage, key) for stage in ("images", "views")]
    write_stage(tmp_path, "audits", key, stage="images")
    write_stage(tmp_path, "changes", key, key="f" * 16)
    write_stage(tmp_path, "hidden", f".{key}")
    write_stage(tmp_path, ".hidden", key)
    for wrong in (key[:-1], key + "0", key.upper(), "g" * 16):
        write_stage(tmp_path, "views", wrong)
    (tmp_path / "decisions" / key).mkdir(parents=True)
    (tmp_path / "decisions" / key / "_complete.json").write_text("{")
    write_stage(tmp_path, "reports/deeper", key)
    assert [(record.stage, record.key, path) for record, path in list_records(tmp_path)] == [
        ("images", key, good[0]),
        ("views", key, good[1]),
    ]


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "damage"),
    [
        (b"three", ""),
        (b"four", "table.bin has 4 bytes instead of 5"),
        (b"threes", "table.bin has 6 bytes instead of 5"),
        (b"threE", "table.bin has other content than was written"),
        (None, "No such file or directory"),
    ],
)
def test_damage_is_named_with_its_sizes(tmp_path, content, damage):
    path = write_stage(tmp_path, "views", "0" * 16, {"table.bin": (5, sha256_of(b"three"))})
    if content is not None:
        (path / "table.bin").write_bytes(content)
    found = find_damage(path, contents=True)
    assert damage in found and bool(damage) == bool(found)


@pytest.mark.parametrize(
    ("name", "size", "noticed"),
    [
        ("small.json", 1, True),
        ("small.parquet", 1, True),
        ("small.npz", 1, False),
        ("large.json", EIGHT_MEBIBYTES, True),
        ("larger.json", EIGHT_MEBIBYTES + 1, False),
    ],
)
def test_without_being_asked_only_small_records_and_tables_are_read_again(tmp_path, name, size, noticed):
    path = write_stage(tmp_path, "views", "0" * 16, {name: (size, "0" * 64)})
    with (path / name).open("wb") as file:
        file.truncate(size)
    damage = f"{name} has other content than was written"
    assert find_damage(path) == (damage if noticed else "")
    assert find_damage(path, contents=True) == damage


def test_a_directory_without_a_record_is_damaged(tmp_path):
    assert "_complete.json" in find_damage(tmp_path)


def test_other_files_are_those_that_the_record_does_not_list(tmp_path):
    path = write_stage(tmp_path, "views", "0" * 16, {"folder/ours.txt": (4, ""), "gone.txt": (1, "")})
    (path / "folder").mkdir()
    (path / "folder" / "ours.txt").write_text("ours")
    assert list(find_other_files(path)) == []
    (path / "folder" / "theirs.txt").write_text("theirs")
    (path / "link").symlink_to(tmp_path)
    assert sorted(find_other_files(path)) == [path / "folder" / "theirs.txt", path / "link"]


def test_a_record_is_read_as_it_was_written_and_cannot_be_changed(tmp_path):
    def write(out: Path) -> None:
        (out / "a.txt").write_text("three")

    made = Workspace(tmp_path).produce("views", {"seed": 1}, write)
    record = read_record(made.path)
    assert (record.stage, record.key, record.inputs) == ("views", made.key, {"seed": 1})
    assert record.files == {"a.txt": (5, sha256_of(b"three"))}
    with pytest.raises(ValidationError, match="frozen"):
        record.key = "other"
    assert StageRecord(stage="views", key="", created="", inputs={}, files={}).seconds == 0
