"""A child command: events alone on stdout, errors as events, no life without its parent."""

import json
import subprocess
import sys
import time

import pytest

from data.base.paths import PROJECT_ROOT
from data.system.child_process import EXIT_FAILED, EXIT_ORPHANED


def start_child(body: str) -> subprocess.Popen[str]:
    imports = "import os, time\nfrom data.system.child_process import emit, run_child\nfrom data.base.errors import *"
    code = f"{imports}\nfrom data.records.events import UnknownEvent\n{body}\nrun_child(main)"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    )


def finish(process):
    """Wait without closing stdin, as a living parent does."""
    out, err = process.stdout.read(), process.stderr.read()
    return process.wait(20), [json.loads(line) for line in out.splitlines()], err


def test_stdout_carries_events_alone():
    status, events, err = finish(
        start_child(
            "def main():\n    print('noise')\n    os.system('echo more')\n"
            "    emit(UnknownEvent(event='epoch', epoch=1))"
        )
    )
    assert status == 0
    assert [(event["event"], event["epoch"]) for event in events] == [("epoch", 1)]
    assert "noise" in err and "more" in err


@pytest.mark.parametrize(
    ("error", "kind", "skipped"),
    [("PipelineError", "PipelineError", False), ("VariantUnavailable", "VariantUnavailable", True)],
)
def test_pipeline_error_becomes_an_event(error, kind, skipped):
    status, events, _ = finish(start_child(f"def main():\n    raise {error}('what to do')"))
    assert status == EXIT_FAILED
    assert [(e["event"], e["kind"], e["message"], e["skipped"]) for e in events] == [
        ("error", kind, "what to do", skipped)
    ]


def test_other_error_leaves_its_traceback_too():
    status, events, err = finish(start_child("def main():\n    raise KeyError('x')"))
    assert status == EXIT_FAILED
    assert events[0]["kind"] == "KeyError"
    assert "Traceback" in err


def test_child_leaves_when_its_parent_is_gone():
    process = start_child("def main():\n    emit(UnknownEvent(event='started'))\n    time.sleep(60)")
    process.stdout.readline()
    process.stdin.close()
    started = time.monotonic()
    assert process.wait(10) == EXIT_ORPHANED
    assert time.monotonic() - started < 5
    process.stdout.close()
    process.stderr.close()
