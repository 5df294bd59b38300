"""News of a run on another host: every event once, in order, and a sign of life."""

import time

from data.shared_store import news as news_module
from data.shared_store.news import NewsReader, NewsWriter


def read_until(reader, count):
    found, until = [], time.monotonic() + 10
    while len(found) < count and time.monotonic() < until:
        reader.read(found.append)
        time.sleep(0.05)
    return found


def test_every_event_arrives_once_and_in_order(store, monkeypatch):
    monkeypatch.setattr(news_module, "WRITE_SECONDS", 0.1)
    reader = NewsReader(store, "run")
    with NewsWriter(store, "run") as writer:
        for number in range(3):
            writer.tell(f"event {number}")
        assert read_until(reader, 3) == ["event 0", "event 1", "event 2"]
        writer.tell("event 3")
        assert read_until(reader, 1) == ["event 3"]
        writer.tell("last")
    assert read_until(reader, 1) == ["last"], "what was told at the end is written too"
    assert reader.host
    reader.forget()
    assert list(store.list("news")) == []


def test_of_very_many_events_the_newest_arrive(store, monkeypatch):
    monkeypatch.setattr(news_module, "KEPT_EVENTS", 5)
    with NewsWriter(store, "run") as writer:
        for number in range(20):
            writer.tell(str(number))
    found = []
    reader = NewsReader(store, "run")
    reader.read(found.append)
    assert found == ["15", "16", "17", "18", "19"]
    reader.read(found.append)
    assert len(found) == 5


def test_a_run_that_writes_nothing_is_silent(store, monkeypatch):
    monkeypatch.setattr(news_module, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(news_module, "BEAT_SECONDS", 0.1)
    reader = NewsReader(store, "run")
    with NewsWriter(store, "run"):
        time.sleep(0.6)
        reader.read(lambda _event: None)
        time.sleep(0.4)
        reader.read(lambda _event: None)
        assert reader.silent_seconds() < 0.3, "it is alive, although nothing happens"
    reader.read(lambda _event: None)
    time.sleep(0.5)
    reader.read(lambda _event: None)
    assert reader.silent_seconds() >= 0.5
