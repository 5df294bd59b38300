"""Holds on stages: they count while their process lives, and not a moment longer."""

import gc
import re
import signal
import subprocess
import sys

from data.base.paths import PROJECT_ROOT
from data.workspace.in_use import StagesInUse, read_stages_in_use

HOLDER = """
import sys
from pathlib import Path
from data.workspace.in_use import StagesInUse
hold = StagesInUse(Path(sys.argv[1]))
for name in sys.argv[2:]:
    hold.add(*name.split("/"))
print("holds", flush=True)
sys.stdin.read()
"""


def start_holder(root, *names):
    """Start a process that holds these stages, each a pair of stage and key, until it is killed."""
    command = [sys.executable, "-c", HOLDER, str(root), *("/".join(name) for name in names)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_ROOT, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "holds\n"
    return process


def test_nothing_is_held_in_a_workspace_that_is_not_there(tmp_path):
    assert read_stages_in_use(tmp_path / "none") == frozenset()


def test_what_another_process_holds_ends_with_a_kill(tmp_path):
    with start_holder(tmp_path, ("views", "a"), ("variants", "b")) as process:
        assert read_stages_in_use(tmp_path) == {("views", "a"), ("variants", "b")}
        process.send_signal(signal.SIGKILL)
    assert read_stages_in_use(tmp_path) == frozenset()
    assert not list((tmp_path / ".holds").iterdir()), "the dead one's file is removed"


def test_a_hold_of_this_process_counts_and_ends_with_its_object(tmp_path):
    hold, other = StagesInUse(tmp_path), StagesInUse(tmp_path)
    hold.add("views", "a")
    other.add("views", "b")
    assert read_stages_in_use(tmp_path) == {("views", "a"), ("views", "b")}
    del hold
    gc.collect()
    assert read_stages_in_use(tmp_path) == {("views", "b")}


def test_a_damaged_line_costs_itself_alone(tmp_path):
    with start_holder(tmp_path, ("views", "a"), ("variants", "b")) as process:
        (hold,) = (tmp_path / ".holds").iterdir()
        hold.write_bytes(b"views/a\n\xff\xfe\nvari\xe2\x80\xa8ants/c\nvariants/b\n")
        assert {("views", "a"), ("variants", "b")} <= read_stages_in_use(tmp_path)
        process.kill()


def test_only_files_with_the_name_of_a_hold_are_read_or_removed(tmp_path):
    holds = tmp_path / ".holds"
    (holds / "folder").mkdir(parents=True)
    (holds / "notes.txt").write_text("mine")
    (holds / ("0" * 32)).symlink_to(holds / "notes.txt")
    before = sorted(holds.iterdir())
    assert read_stages_in_use(tmp_path) == frozenset()
    assert sorted(holds.iterdir()) == before


def test_a_line_that_is_not_written_to_its_end_does_not_count(tmp_path):
    with start_holder(tmp_path, ("views", "a")) as process:
        (hold,) = (tmp_path / ".holds").iterdir()
        hold.write_bytes(b"views/a\nvariants/b\nvariants/c")
        assert read_stages_in_use(tmp_path) == {("views", "a"), ("variants", "b")}
        process.kill()


def test_one_object_writes_all_its_stages_into_one_file_and_removes_it(tmp_path):
    hold = StagesInUse(tmp_path)
    assert not (tmp_path / ".holds").exists(), "nothing is written before the first stage"
    for key in ("a", "b"):
        hold.add("views", key)
    (file,) = (tmp_path / ".holds").iterdir()
    assert re.fullmatch("[0-9a-f]{32}", file.name) and file.read_text() == "views/a\nviews/b\n"
    del hold
    gc.collect()
    assert list((tmp_path / ".holds").iterdir()) == []


FORK = """
import os, sys
from pathlib import Path
from data.workspace.in_use import StagesInUse, read_stages_in_use
hold = StagesInUse(Path(sys.argv[1]))
hold.add("views", "a")
child = os.fork()
if child == 0:
    sys.exit()  # which finalizes its copy of the object
os.waitpid(child, 0)
print(sorted(read_stages_in_use(Path(sys.argv[1]))))
"""


def test_the_end_of_a_fork_does_not_end_the_hold(tmp_path):
    command = [sys.executable, "-c", FORK, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[('views', 'a')]\n"
