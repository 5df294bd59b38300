"""The mark: what is taken for a workspace, what gets one, and what is refused."""

import json
import stat
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.workspace.mark import MARK_NAME, VERSION, claim_root, find_mark
from data.workspace.store import Workspace


def write(out: Path) -> None:
    (out / "content").write_text("made")


@pytest.mark.parametrize("make", [lambda root: None, lambda root: root.mkdir()], ids=["new", "empty"])
def test_a_new_or_empty_directory_is_marked_for_its_owner_alone(tmp_path, make):
    root = tmp_path / "of the team" / "workspace"
    root.parent.mkdir()
    make(root)
    assert find_mark(root) is None
    mark = claim_root(root)
    assert claim_root(root) == mark == find_mark(root)
    assert (mark.version, len(mark.id)) == (VERSION, 32)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert [path.name for path in root.glob("[!.]*")] == [MARK_NAME]


def test_what_a_file_system_puts_into_an_empty_directory_does_not_count(tmp_path):
    (tmp_path / "lost+found").mkdir()
    assert claim_root(tmp_path)


@pytest.mark.parametrize("name", ["thesis.tex", "rendered/x", "downloads/a.archive", ".git/config", "images/cat.png"])
def test_a_directory_of_a_person_is_refused_and_stays_as_it_is(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    tmp_path.chmod(0o755)
    with pytest.raises(PipelineError, match="EMOTION_WORKSPACE"):
        Workspace(tmp_path).produce("texts", {}, write)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [path]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_workspace_of_an_earlier_version_is_recognised_by_its_stages(tmp_path):
    made = Workspace(tmp_path).produce("texts", {}, write)
    (tmp_path / MARK_NAME).unlink()
    assert find_mark(tmp_path) is None
    again = Workspace(tmp_path).produce("texts", {}, write)
    assert again.cached and again.path == made.path
    assert find_mark(tmp_path)


def test_one_in_which_only_servers_ran_is_recognised_too(tmp_path):
    (tmp_path / "prefect").mkdir()
    (tmp_path / "mlflow" / "artifacts").mkdir(parents=True)
    assert claim_root(tmp_path)


def test_a_forged_record_makes_no_workspace(tmp_path):
    folder = tmp_path / "downloads" / "drive-1.folder"
    folder.mkdir(parents=True)
    record = {"stage": "texts", "key": "0" * 16, "created": "", "inputs": {}, "files": {}}
    (folder / "_complete.json").write_text(json.dumps(record))
    with pytest.raises(PipelineError, match="holds downloads but no"):
        claim_root(tmp_path)


def test_a_file_a_later_version_and_a_damaged_mark_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match="expected a directory"):
        claim_root(tmp_path / "file")
    root = tmp_path / "workspace"
    claim_root(root)
    (root / MARK_NAME).write_text(json.dumps({"version": VERSION + 1, "id": "0" * 32}))
    with pytest.raises(PipelineError, match=f"version {VERSION + 1}"):
        claim_root(root)
    (root / MARK_NAME).write_text("")
    with pytest.raises(PipelineError, match="cannot be read"):
        claim_root(root)


def test_a_path_that_databases_cannot_have_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="without a question mark"):
        claim_root(tmp_path / "faces?")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match="set EMOTION_WORKSPACE to a directory of your own"):
        claim_root(tmp_path / "file" / "workspace")


def test_of_several_that_mark_at_once_one_counts(tmp_path):
    found = []
    threads = [threading.Thread(target=lambda: found.append(claim_root(tmp_path / "workspace"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len({mark.id for mark in found}) == 1


def test_a_folder_made_by_another_process_meanwhile_is_no_reason_to_refuse(tmp_path, monkeypatch):
    def read_too_early(path):
        monkeypatch.undo()
        Workspace(tmp_path).produce("texts", {}, write)
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", read_too_early)
    assert claim_root(tmp_path) == find_mark(tmp_path)


@pytest.mark.parametrize(
    ("names", "told"), [("a", "a"), ("abc", "a, b, c"), ("cbad", "a, b, c and more")], ids=["one", "three", "four"]
)
def test_the_first_three_files_of_another_directory_are_named(tmp_path, names, told):
    for name in (*names, "lost+found", "mlflow", ".emotion_workspace.json.1.tmp"):
        (tmp_path / name).touch()
    with pytest.raises(PipelineError) as refusal:
        find_mark(tmp_path)
    assert str(refusal.value) == (
        f"got {tmp_path}, which holds {told} but no emotion_workspace.json; expected a workspace, or a new or empty "
        "directory: set EMOTION_WORKSPACE to one. Nothing was changed"
    )


@pytest.mark.parametrize("version", [0, 1])
def test_a_workspace_of_this_or_an_earlier_version_is_taken(tmp_path, version):
    (tmp_path / MARK_NAME).write_text(json.dumps({"version": version, "id": "0" * 32}))
    mark = claim_root(tmp_path)
    assert (mark.version, mark.id) == (version, "0" * 32)
    with pytest.raises(ValidationError, match="frozen"):
        mark.version = 2


def test_a_workspace_of_version_two_is_refused_with_both_versions(tmp_path):
    (tmp_path / MARK_NAME).write_text(json.dumps({"version": 2, "id": "0" * 32}))
    with pytest.raises(PipelineError, match=r"got a workspace of version 2 in .*, expected at most 1: use the release"):
        find_mark(tmp_path)


def test_the_folders_above_a_new_workspace_are_made_too(tmp_path):
    root = tmp_path / "new" / "deeper" / "workspace"
    assert claim_root(root) == find_mark(root)
