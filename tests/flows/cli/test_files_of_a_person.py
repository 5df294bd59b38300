"""Files of a person, and what links lead to, stay as they are after every command and a retrain with housekeeping."""

import pytest

from tests.support.emotion_command import run_emotion
from tests.support.files_of_a_person import add_files_of_a_person, snapshot_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RETRAIN = ("run", "--preset", "smoke", "--variants", "light", "--promotion", "first_margin=0.9")
TUNE = ("tune", "--preset", "smoke", "--trials", "1", "--minutes", "1", "--trial-minutes", "0.1")
COMMANDS = [
    ("doctor",),
    ("status",),
    ("ingest",),
    ("audit", "--preset", "smoke", "--folds", "2"),
    TUNE,
    (*RETRAIN, "--seed", "2"),
    (*RETRAIN, "--seed", "3"),
    ("report",),
    ("models", "list"),
    ("models", "rollback"),
    ("prune", "--keep", "1", "--days", "0", "--dry-run"),
    ("prune", "--keep", "1", "--days", "0"),
    ("prune", "--keep", "1", "--days", "0"),
    ("down",),
]
MAY_FAIL = ("doctor", "status", "models", "down")
"""Nothing is up, there is no version of the model, and doctor may find something on the machine."""


def test_they_stay_byte_for_byte(server, workspace, tmp_path_factory):
    def run(*command):
        outcome = run_emotion(workspace, *command, EMOTION_KEEP_REPORTS="1")
        assert "Traceback" not in outcome.stderr, outcome.stderr[-4000:]
        return outcome.returncode

    assert run(*RETRAIN) == 0
    above, outside = workspace.parent / "above.txt", tmp_path_factory.mktemp("outside")
    above.write_text("above")
    (outside / "theirs.txt").write_text("theirs")
    files = [above, outside / "theirs.txt", *add_files_of_a_person(workspace, outside)]
    links = {link: link.readlink() for link in workspace.rglob("*") if link.is_symlink()}
    before = {path: path.read_bytes() for path in files}
    for command in COMMANDS:
        assert run(*command) == 0 or command[0] in MAY_FAIL, command
        changed = [path for path in before if not path.is_file() or path.read_bytes() != before[path]]
        assert not changed, (command, changed)
        assert {link: link.readlink() for link in links} == links, command
    assert snapshot_of(outside) == {outside / "theirs.txt": b"theirs"}
