"""Objects: written as a whole, on a condition, and asked for again while the store is out of reach."""

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.base.record import Record
from data.shared_store.objects import ObjectStore, StoreUnavailable, UnreadableRecord
from tests.support.s3_server import BUCKET, s3_server

EVERY_CLOUD = pytest.mark.parametrize("url", ["s3", "file", "gs"], indirect=True)


def test_what_is_written_is_read(store, tmp_path):
    store.write("a/b", b"one")
    (tmp_path / "file").write_bytes(b"two" * 1000)
    store.write("a/c", tmp_path / "file")
    assert store.read("a/b") == b"one"
    assert store.size("a/c") == 3000
    assert store.read_to_file("a/c", tmp_path / "copy") and (tmp_path / "copy").read_bytes() == b"two" * 1000
    assert list(store.list("a")) == [("a/b", 3), ("a/c", 3000)]


class Note(Record):
    """A record."""

    text: str


@pytest.mark.parametrize("content", [b"", b'{"text"', b"\xff", b'{"text": "a", "of": "a later release"}', b"[]"])
def test_a_record_that_cannot_be_read_is_named(store, content):
    store.write("notes/a", b'{"text": "a"}')
    store.write("notes/b", content)
    assert store.read_record("notes/a", Note) == Note(text="a") and store.read_record("notes/c", Note) is None
    with pytest.raises(UnreadableRecord, match=r"got notes/b in the store that cannot be read .*verify") as refused:
        store.read_record("notes/b", Note)
    copy = pickle.loads(pickle.dumps(refused.value))
    assert copy.fault == refused.value.fault and copy.fault.startswith("cannot be read")


@EVERY_CLOUD
def test_what_is_missing_is_none(store, tmp_path):
    assert store.read("none") is None and store.size("none") is None
    assert store.read_tagged("none") == (None, "")
    assert not store.read_to_file("none", tmp_path / "copy")
    store.delete("none")
    assert list(store.list("nothing")) == []


def test_a_fault_of_a_file_of_this_host_is_no_outage(store, tmp_path):
    store.write("a", b"content" * 10_000)
    began = time.monotonic()
    with pytest.raises(OSError, match="No space left"):
        store.read_to_file("a", Path("/dev/full"))
    with pytest.raises(FileNotFoundError, match="not-here"):
        store.write("b", tmp_path / "not-here")
    with pytest.raises(FileNotFoundError):
        store.read_to_file("a", tmp_path / "no-folder" / "a")
    assert time.monotonic() - began < 2


@EVERY_CLOUD
def test_of_many_that_create_an_object_one_succeeds(store):
    with ThreadPoolExecutor(8) as pool:
        tags = list(pool.map(lambda number: store.create("one", f"host {number}".encode()), range(8)))
    (winner,) = [number for number, tag in enumerate(tags) if tag]
    assert store.read_tagged("one") == (f"host {winner}".encode(), tags[winner])


@EVERY_CLOUD
def test_of_many_that_replace_an_object_one_succeeds(store):
    tag = store.create("one", b"old")
    with ThreadPoolExecutor(8) as pool:
        tags = list(pool.map(lambda number: store.replace("one", f"host {number}".encode(), tag), range(8)))
    (winner,) = [number for number, tag in enumerate(tags) if tag]
    assert store.read_tagged("one") == (f"host {winner}".encode(), tags[winner])
    assert not store.replace("gone", b"new", tag)


@EVERY_CLOUD
def test_a_second_attempt_knows_its_first(store):
    """An answer may be lost on its way: the request is repeated, and finds what it wrote itself."""
    tag = store.create("one", b"mine")
    assert store.create("one", b"mine") == tag
    new = store.replace("one", b"newer", tag)
    assert store.replace("one", b"newer", tag) == new


def test_a_store_that_comes_back_is_waited_for(monkeypatch):
    with s3_server() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        store = ObjectStore(f"s3://{BUCKET}/back", wait_seconds=30)
        port = int(variables["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])
    with pytest.raises(StoreUnavailable, match="for 1 s, expected a store that answers"):
        ObjectStore(f"s3://{BUCKET}/back", wait_seconds=1).read("a")
    opened = threading.Event()

    def come_back():
        time.sleep(1)
        with s3_server(port=port):
            opened.wait(30)

    thread = threading.Thread(target=come_back)
    thread.start()
    try:
        store.write("a", b"late")
        assert store.read("a") == b"late"
    finally:
        opened.set()
        thread.join()


def test_a_request_that_cannot_be_sent_is_no_outage(s3, monkeypatch):
    for name, value in {**s3, "AWS_CONDITIONAL_PUT": "disabled"}.items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    with pytest.raises(PipelineError, match="expected a store with conditional writes") as refused:
        ObjectStore(f"s3://{BUCKET}/x", wait_seconds=5).create("a", b"b")
    assert not isinstance(refused.value, StoreUnavailable) and time.monotonic() - began < 2


def test_a_missing_bucket_is_named(s3, monkeypatch):
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PipelineError, match="no bucket at s3://nowhere/x"):
        ObjectStore("s3://nowhere/x", wait_seconds=5).write("a", b"b")
