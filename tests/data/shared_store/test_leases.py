"""Leases: one holder at a time, taken over from one that is gone, whatever the clocks say."""

import threading
import time

import pytest

from data.base.errors import PipelineError
from data.shared_store.leases import LeaseTimes, break_lease, list_leases, take_lease
from data.shared_store.objects import StoreUnavailable

EVERY_CLOUD = pytest.mark.parametrize("url", ["s3", "file", "gs"], indirect=True)

FAST = LeaseTimes(beat=0.1, expires=1.0, look=0.05)


def never():
    return False


def test_a_released_lease_is_free(store):
    held = take_lease(store, "variants", "a", never, never, FAST)
    assert [(stage, key) for stage, key, _ in list_leases(store)] == [("variants", "a")]
    held.release()
    assert list(list_leases(store)) == []
    take_lease(store, "variants", "a", never, never, FAST).release()


@EVERY_CLOUD
def test_a_held_lease_is_waited_for(store):
    held, began = take_lease(store, "variants", "a", never, never, FAST), time.monotonic()
    threading.Timer(1.5, held.release).start()
    other = take_lease(store, "variants", "a", never, never, FAST)
    assert time.monotonic() - began >= 1.5, "a renewed lease is not taken over, even after it would have expired"
    other.release()


@EVERY_CLOUD
def test_a_lease_that_nobody_renews_is_taken_over(store, caplog):
    dead = take_lease(store, "variants", "a", never, never, FAST)
    dead._ended.set()  # as if its process had been killed
    dead._thread.join()
    began = time.monotonic()
    other = take_lease(store, "variants", "a", never, never, FAST)
    assert 1.0 <= time.monotonic() - began < 5
    assert "which did not renew it" in caplog.text
    dead.release()
    assert [(stage, key) for stage, key, _ in list_leases(store)] == [("variants", "a")], "it is the other's now"
    other.release()


def test_the_lease_of_a_process_that_is_gone_is_broken_and_no_other(store):
    held = take_lease(store, "variants", "a", never, never, FAST)
    break_lease(store, "variants", "a", held.lease.host, held.lease.process + 1)
    assert list(list_leases(store))
    break_lease(store, "variants", "a", held.lease.host, held.lease.process)
    assert list(list_leases(store)) == []
    held._thread.join(5)
    assert held.is_lost, "its holder notices, if it lives after all"


@EVERY_CLOUD
def test_the_former_holder_notices_that_it_was_taken_over(store, caplog):
    held = take_lease(store, "variants", "a", never, never, FAST)
    content, tag = store.read_tagged(held.name)
    while not store.replace(held.name, content.replace(b'"process"', b' "process"'), tag):
        content, tag = store.read_tagged(held.name)
    held._thread.join(5)
    assert held.is_lost and "other work goes on" in caplog.text


def test_nothing_is_done_that_another_host_finished(store):
    assert take_lease(store, "variants", "a", lambda: True, never, FAST) is None
    assert list(list_leases(store)) == []


def test_a_lease_does_not_outlive_an_error(store):
    def fail():
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        take_lease(store, "variants", "a", fail, never, FAST)
    assert list(list_leases(store)) == []


def test_a_store_that_was_away_is_no_silence_of_the_holder(store, monkeypatch):
    held = take_lease(store, "variants", "a", never, never, LeaseTimes(beat=60))  # as if it could not renew it
    read, asked = store.read_tagged, []

    def read_slowly(name):
        asked.append(name)
        time.sleep(1.2 if len(asked) == 2 else 0)  # longer than the lease lasts
        return read(name)

    monkeypatch.setattr(store, "read_tagged", read_slowly)
    began = time.monotonic()
    other = take_lease(store, "variants", "a", never, never, FAST)
    assert time.monotonic() - began >= 2.2, "it has its whole time once more"
    other.release()
    monkeypatch.undo()
    held.release()


def test_the_wait_ends_when_the_run_ends(store):
    held = take_lease(store, "variants", "a", never, never, FAST)
    with pytest.raises(PipelineError, match="another host holds"):
        take_lease(store, "variants", "a", never, lambda: True, FAST)
    held.release()
