"""Workspaces that share a store: each stage is made once, and an outage loses nothing."""

import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.shared_store import tier as tier_module
from data.shared_store.leases import LeaseTimes, take_lease
from data.shared_store.objects import FIRST_SECONDS, ObjectStore, StoreUnavailable
from data.shared_store.stages import has_stage, read_stage, stage_name
from data.shared_store.tier import SharedTier
from data.workspace.layout import TRACKED_STAGE
from data.workspace.store import Workspace


def refuse(_out: Path) -> None:
    raise AssertionError("it is made a second time")


def write(out: Path) -> None:
    (out / "text").write_text("made")


@pytest.fixture
def open_host(tmp_path, url):
    """Opens the workspace of a host."""
    return lambda name, goes_on=False: Workspace(tmp_path / name, tier=SharedTier(ObjectStore(url, 2), goes_on))


def test_what_one_host_made_another_finds(open_host):
    made = open_host("one").produce("texts", {"a": 1}, write)
    found = open_host("two").produce("texts", {"a": 1}, refuse)
    assert not made.cached and found.cached and found.path != made.path
    assert (found.path / "text").read_text() == "made"
    assert open_host("three").obtain("texts", made.key).path.is_dir()


def test_a_stage_that_was_here_before_the_store_is_given_to_it(open_host, tmp_path, store):
    made = Workspace(tmp_path / "one").produce("texts", {"a": 1}, write)
    open_host("one").produce("texts", {"a": 1}, refuse)
    assert has_stage(store, "texts", made.key)


def test_what_belongs_to_one_host_stays_there(open_host, store):
    open_host("one").produce(TRACKED_STAGE, {"a": 1}, write)
    assert list(store.list("stages")) == []


def test_of_two_hosts_at_once_one_makes_it(open_host):
    made, started = [], threading.Event()

    def write_slowly(out):
        started.set()
        time.sleep(1)
        made.append(out)
        write(out)

    slow = threading.Thread(target=lambda: open_host("one").produce("texts", {"a": 1}, write_slowly))
    slow.start()
    started.wait(10)
    assert open_host("two").produce("texts", {"a": 1}, refuse).cached
    slow.join()
    assert len(made) == 1


def test_a_missing_stage_says_what_to_do(open_host):
    with pytest.raises(PipelineError, match="in the store of EMOTION_STORE, expected it"):
        open_host("one").obtain("texts", "0" * 16)


def test_other_hosts_never_get_a_damaged_stage(open_host, tmp_path, store, caplog):
    made = Workspace(tmp_path / "one").produce("texts", {"a": 1}, write)
    (made.path / "text").write_text("mode")  # of equal size
    assert not open_host("one").produce("texts", {"a": 1}, write).cached, "it is rebuilt before it is given away"
    assert "other content than was written" in caplog.text
    assert open_host("two").produce("texts", {"a": 1}, refuse).cached


def test_a_stage_of_other_files_than_its_record_says_is_removed_from_the_store(open_host, store, caplog):
    made = open_host("one").produce("texts", {"a": 1}, write)
    shared = read_stage(store, "texts", made.key)
    wrong = shared.record.model_copy(update={"files": {"text": (4, "0" * 64)}})
    store.write(stage_name("texts", made.key), shared.model_copy(update={"record": wrong}).model_dump_json().encode())
    assert not open_host("two").produce("texts", {"a": 1}, write).cached and "it is rebuilt" in caplog.text
    assert open_host("three").produce("texts", {"a": 1}, refuse).cached


def test_a_stage_that_is_used_counts_as_written_lately(open_host, store, monkeypatch):
    made = open_host("one").produce("texts", {"a": 1}, write)
    before = store.look(stage_name("texts", made.key))
    time.sleep(1.1)  # the times of S3 are whole seconds
    open_host("two").produce("texts", {"a": 1}, refuse)
    open_host("two").produce("texts", {"a": 1}, refuse)
    assert store.look(stage_name("texts", made.key)) == before, "it is not written at every use"
    monkeypatch.setattr("data.shared_store.packs.FRESH", timedelta(seconds=1))
    open_host("two").produce("texts", {"a": 1}, refuse)
    assert store.look(stage_name("texts", made.key)).written > before.written


def test_a_host_whose_work_was_taken_over_waits_for_the_result(open_host, monkeypatch, caplog):
    """The link of one host is down for longer than its lease lasts, and comes back while another one works."""
    times = LeaseTimes(beat=0.1, expires=0.6, look=0.05)
    monkeypatch.setattr(tier_module, "take_lease", partial(take_lease, times=times))
    one, two = open_host("one"), open_host("two")
    done, others = [], []

    def write_in_time(out):
        done.append("two")
        time.sleep(1)
        write(out)

    def write_too_late(out):
        done.append("one")
        (lease,) = one.tier._leases.values()
        real, lease.store = lease.store, Unreachable()
        others.append(threading.Thread(target=lambda: two.produce("texts", {"a": 1}, write_in_time)))
        others[0].start()
        while len(done) < 2:
            time.sleep(0.05)
        lease.store = real
        while not lease.is_lost:
            time.sleep(0.05)
        one.tier.save_progress("texts", lease.name.split("/")[-1].removesuffix(".json"), out, [], 2)

    found = one.produce("texts", {"a": 1}, write_too_late, resumable=True)
    others[0].join()
    assert found.cached and done == ["one", "two"] and "this one waits for its result" in caplog.text
    assert (found.path / "text").read_text() == "made"


class Unreachable:
    """A store that never answers."""

    def __getattr__(self, name):
        raise StoreUnavailable("got no answer")


def test_progress_that_cannot_be_saved_does_not_end_the_work(open_host, monkeypatch, caplog):
    """Such as after a token of the cloud expired, in the middle of a long training."""
    host = open_host("one")

    def write_on(out):
        def refuse_access(*_args):
            raise PipelineError("got no access")

        monkeypatch.setattr(tier_module, "save_progress", refuse_access)
        (lease,) = host.tier._leases.values()
        host.tier.save_progress("texts", lease.name.split("/")[-1].removesuffix(".json"), out, [], 2)
        write(out)

    assert not host.produce("texts", {"a": 1}, write_on).cached
    assert "could not resume" in caplog.text and "no access" in caplog.text


class Away(SharedTier):
    """A tier whose store is out of reach."""

    def __init__(self, goes_on):
        super().__init__(self, goes_on)  # type: ignore[arg-type]

    def waiting(self, seconds):
        self.waited = seconds
        return self

    def __getattr__(self, name):
        raise StoreUnavailable("got no answer")


def test_an_outage_ends_the_run_and_loses_nothing(tmp_path):
    with pytest.raises(StoreUnavailable):
        Workspace(tmp_path, tier=Away(goes_on=False)).produce("texts", {"a": 1}, write)
    assert not Workspace(tmp_path).produce("texts", {"a": 1}, write).cached


def test_an_outage_after_the_work_leaves_it_here(open_host, tmp_path, monkeypatch):
    def fail(*_args):
        raise StoreUnavailable("got no answer")

    with monkeypatch.context() as patched:
        patched.setattr(tier_module, "push_stage", fail)
        with pytest.raises(StoreUnavailable):
            open_host("one").produce("texts", {"a": 1}, write)
    assert open_host("one").produce("texts", {"a": 1}, refuse).cached
    assert open_host("two").produce("texts", {"a": 1}, refuse).cached


def test_by_choice_work_goes_on_during_an_outage(tmp_path, caplog):
    tier = Away(goes_on=True)
    made = Workspace(tmp_path, tier=tier).produce("texts", {"a": 1}, write)
    assert not made.cached and "Work goes on without it" in caplog.text
    assert tier.waited == FIRST_SECONDS, "later stages do not wait as long as the first"
