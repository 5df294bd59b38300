"""Files of answers: nothing that was confirmed is lost, a torn line costs itself alone, and an undo is a line too."""

import os
import signal
import subprocess
import sys
import time

import pytest

from data.base.paths import PROJECT_ROOT
from data.review import answer_log
from data.review.answer_log import AnswerLog
from tests.support.review_factory import make_line, picture_name, read_lines

ONE, TWO = picture_name(1), picture_name(2)


def choices(path):
    return {picture: line.choice for picture, line in AnswerLog(path).history.answers().items()}


def test_the_last_answer_on_a_picture_counts_and_an_undo_brings_the_one_before_back(tmp_path):
    log = AnswerLog(tmp_path / "reviews" / "anna.jsonl")
    first, second = make_line(ONE, "happy"), make_line(ONE, "sad")
    log.add(first, make_line(TWO, "neutral"))
    log.add(second)
    assert choices(log.path) == {ONE: "sad", TWO: "neutral"}
    log.add(make_line(None, kind="undo", undoes=second.id))
    assert choices(log.path) == {ONE: "happy", TWO: "neutral"}
    log.add(make_line(None, kind="undo", undoes=first.id))
    assert choices(log.path) == {TWO: "neutral"}
    assert [line["kind"] for line in read_lines(log.path)] == ["answer", "answer", "answer", "undo", "undo"]


def test_a_line_that_is_sent_twice_counts_once_even_after_its_undo(tmp_path):
    log, line = AnswerLog(tmp_path / "anna.jsonl"), make_line(ONE, "happy")
    log.add(line)
    log.add(line)
    assert len(read_lines(log.path)) == 1
    log.add(make_line(None, kind="undo", undoes=line.id))
    log.add(line)
    assert choices(log.path) == {}


def test_a_skipped_picture_has_no_answer(tmp_path):
    log = AnswerLog(tmp_path / "anna.jsonl")
    log.add(make_line(ONE, "happy"), make_line(ONE))
    assert choices(log.path) == {}
    assert AnswerLog(log.path).history.current()[ONE].kind == "skip"


@pytest.mark.parametrize("torn", [b'{"id": "abc', b"{}", b"\x00\xff\x00", b"[1]", b'"text"'])
def test_what_a_crash_left_of_a_line_costs_that_line_alone(tmp_path, torn):
    path = tmp_path / "anna.jsonl"
    AnswerLog(path).add(make_line(ONE, "happy"))
    with path.open("ab") as file:
        file.write(torn)
    assert choices(path) == {ONE: "happy"}
    AnswerLog(path).add(make_line(TWO, "sad"))
    assert choices(path) == {ONE: "happy", TWO: "sad"}


def test_two_processes_see_the_lines_of_each_other(tmp_path):
    one, other = AnswerLog(tmp_path / "anna.jsonl"), AnswerLog(tmp_path / "anna.jsonl")
    one.add(make_line(ONE, "happy"))
    other.add(make_line(TWO, "sad"))
    assert set(one.refresh().answers()) == set(other.history.answers()) == {ONE, TWO}


@pytest.mark.parametrize("left", ["nothing", "one line", "another file"])
def test_a_file_that_was_removed_or_replaced_is_read_anew(tmp_path, left):
    path = tmp_path / "anna.jsonl"
    log = AnswerLog(path)
    log.add(make_line(ONE, "happy"), make_line(TWO, "sad"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    if left == "one line":
        path.write_bytes(lines[1])
    elif left == "another file":
        AnswerLog(path).add(*(make_line(picture_name(number), "neutral") for number in (3, 4, 5)))
    assert log.refresh().answers().keys() == AnswerLog(path).history.answers().keys()
    log.add(make_line(ONE, "surprise"))
    assert log.history.answers()[ONE].choice == choices(path)[ONE] == "surprise"
    assert log.history.answers().keys() == choices(path).keys()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    log, write = AnswerLog(tmp_path / "anna.jsonl"), os.write
    log.add(make_line(ONE, "happy"))
    before = log.path.read_bytes()

    def write_a_part(file, content):
        if len(content) < 100:
            raise OSError(28, "No space left on device")
        return write(file, content[:-50])

    monkeypatch.setattr(answer_log.os, "write", write_a_part)
    with pytest.raises(OSError, match="No space"):
        log.add(make_line(TWO, "sad"))
    monkeypatch.undo()
    assert log.path.read_bytes() == before
    assert choices(log.path) == {ONE: "happy"}


def test_only_the_owner_can_read_it(tmp_path):
    log = AnswerLog(tmp_path / "reviews" / "anna.jsonl")
    log.add(make_line(ONE, "happy"))
    assert log.path.stat().st_mode & 0o077 == 0


WRITER = """
import sys
from pathlib import Path
from data.review.answer_log import AnswerLog
from tests.support.review_factory import make_line, picture_name
log = AnswerLog(Path(sys.argv[1]))
for number in range(100_000):
    log.add(make_line(picture_name(number), "happy"))
    print(number, flush=True)
"""


def test_every_answer_that_was_confirmed_before_a_kill_is_there(tmp_path):
    path = tmp_path / "anna.jsonl"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) as process:
        for _ in range(30):
            process.stdout.readline()
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        confirmed = 30 + len(process.stdout.readlines())
    assert len(choices(path)) >= confirmed >= 30
