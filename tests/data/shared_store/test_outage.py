"""An outage in the log: a line when it begins, one a minute, and one when it is over."""

import logging
import threading

import pytest

from data.shared_store import outage
from data.shared_store.objects import ObjectStore, StoreUnavailable
from data.shared_store.outage import Outage
from tests.support.s3_server import BUCKET, s3_server


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test moves on by itself, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])
    return now


def test_a_long_outage_is_a_line_a_minute_whoever_notices_it(clock, caplog):
    caplog.set_level(logging.INFO)
    missed = Outage("s3://faces")
    for _ in range(300):
        missed.miss("no route")
        clock[0] += 2
    missed.end()
    lines = [record.message for record in caplog.records]
    assert "does not answer (no route)" in lines[0] and lines[-1] == "s3://faces answers again, after 600 s"
    assert lines[1] == "s3://faces has not answered for 66 s" and len(lines) == 2 + 9


def test_a_short_outage_is_not_worth_a_line(clock, caplog):
    caplog.set_level(logging.INFO)
    missed = Outage("s3://faces")
    for _ in range(10):
        missed.miss("busy")
        clock[0] += 4
        missed.end()
    assert not caplog.records


def test_all_connections_to_a_store_tell_its_outage_once(monkeypatch, caplog):
    monkeypatch.setattr(outage, "TELL_AFTER_SECONDS", 0)
    with s3_server() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    url = f"s3://{BUCKET}/gone"

    def ask():
        with pytest.raises(StoreUnavailable):
            ObjectStore(url, wait_seconds=1).read("a")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caplog.text.count("does not answer") == 1
