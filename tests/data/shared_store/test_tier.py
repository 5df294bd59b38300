"""Workspaces that share a store: each stage is made once, and an outage loses nothing."""

import threading
import time
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.shared_store import tier as tier_module
from data.shared_store.objects import FIRST_SECONDS, ObjectStore, StoreUnavailable
from data.shared_store.stages import has_stage
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
