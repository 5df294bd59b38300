"""Upkeep: damage is found, and nothing goes that any host needs."""

import time
from copy import copy
from datetime import timedelta
from pathlib import Path

import pytest

from data.shared_store import packs
from data.shared_store.leases import list_leases, take_lease
from data.shared_store.needs import write_needs
from data.shared_store.objects import UnreadableRecord
from data.shared_store.packs import object_name
from data.shared_store.progress import load_progress, save_progress
from data.shared_store.stages import fetch_stage, list_stages, push_stage, read_stage, stage_name
from data.shared_store.state import pull_state, push_state, read_state
from data.shared_store.tier import SharedTier
from data.shared_store.transfer import pull_needed, push_missing, tell_needs
from data.shared_store.upkeep import prune_store, remove_damage
from data.workspace.layout import REPORTS_STAGE, VIEWS_STAGE
from data.workspace.reachability import PrunePolicy
from data.workspace.store import Workspace


@pytest.fixture
def made(tmp_path):
    """A workspace with a report on a training, their views, and a training that nothing needs."""
    workspace = Workspace(tmp_path / "host")

    def produce(stage, **inputs):
        return workspace.produce(stage, inputs, lambda out: (out / "text").write_text(f"{stage} {inputs}") and None)

    views = produce(VIEWS_STAGE, of="data")
    training = produce("variants", views=views.key)
    report = produce(REPORTS_STAGE, variants={"compact": training.key})
    other = produce("variants", views=views.key, seed=43)
    return workspace, {"views": views, "training": training, "report": report, "other": other}


def places(*stages):
    return {(stage.stage, stage.key) for stage in stages}


def ignore(_stage, _key):
    pass


@pytest.fixture
def pushed(store, made):
    workspace, stages = made
    assert push_missing(store, workspace, ignore) == 4
    return workspace, stages


def test_what_is_named_stays_with_what_it_was_made_from(store, pushed):
    workspace, stages = pushed
    write_needs(store, workspace.id, [("reports", stages["report"].key)])
    assert prune_store(store, 0, dry_run=True).stages == tuple(places(stages["other"]))
    assert set(list_stages(store)) == places(*stages.values())
    removed = prune_store(store, 0, dry_run=False)
    assert (removed.objects, removed.kept) == (1, 3)
    assert set(list_stages(store)) == places(stages["report"], stages["training"], stages["views"])
    assert list(remove_damage(store)) == []


def test_what_a_host_pushes_while_pruning_removes_it_stays_whole(store, pushed, tmp_path, monkeypatch):
    """Pruning takes minutes, and a push finds the objects of the stage there until they are removed."""
    workspace, stages = pushed
    write_needs(store, workspace.id, [])
    other, pushes = stages["other"], []
    time.sleep(1.1)  # the times of S3 are whole seconds

    class Slow(type(store)):
        def delete(self, name):
            super().delete(name)
            if name == stage_name("variants", other.key):
                time.sleep(1.1)
                monkeypatch.setattr(packs, "FRESH", timedelta(seconds=1))  # what is to be pruned is old
                pushes.append(push_stage(store, other.path))

    slow = copy(store)
    slow.__class__ = Slow
    prune_store(slow, 0, dry_run=False)
    assert pushes == [(True, ())]
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    assert fetch_stage(store, "variants", other.key, fetched)


def test_a_young_stage_and_what_a_host_writes_now_stay(store, pushed):
    workspace, stages = pushed
    write_needs(store, workspace.id, [])
    assert prune_store(store, 1, dry_run=False) == ((), 0, 0, 4)
    held = take_lease(store, "variants", stages["other"].key, lambda: False, lambda: False)
    assert prune_store(store, 0, dry_run=True).kept == 2, "the training that is written again, and its views"
    held.release()


def test_work_that_is_under_way_keeps_its_lease_its_progress_and_what_it_reads(store, pushed, tmp_path):
    workspace, stages = pushed
    write_needs(store, workspace.id, [])
    (tmp_path / "checkpoint").write_text("epoch 3")
    (tmp_path / "elsewhere").mkdir()
    with SharedTier(store).writing("variants", "f" * 16, [stages["views"].key], lambda: False):
        save_progress(store, "variants", "f" * 16, tmp_path, ["checkpoint"], 3)
        store.write("objects/ab/ab", b"of a push whose record is not there yet")
        assert prune_store(store, 0, dry_run=False).kept == 1, "its views"
        assert set(list_stages(store)) == places(stages["views"])
        assert [key for _, key, _ in list_leases(store)] == ["f" * 16]
        assert load_progress(store, "variants", "f" * 16, tmp_path / "elsewhere") == 3
        assert store.read("objects/ab/ab")
    prune_store(store, 0, dry_run=False)
    assert store.read("objects/ab/ab") is None, "no host is at work"


def test_a_host_that_fetched_a_part_does_not_speak_for_the_others(store, pushed, monkeypatch):
    workspace, stages = pushed
    write_needs(store, workspace.id, places(stages["other"]))
    monkeypatch.setattr("socket.gethostname", lambda: "second host")
    write_needs(store, workspace.id, places(stages["report"]))
    assert prune_store(store, 0, dry_run=True).stages == ()


def test_the_objects_of_a_state_stay(store, tmp_path):
    root = tmp_path / "host"
    Workspace(root).claim()
    push_state(store, root)
    assert prune_store(store, 0, dry_run=False).objects == 0
    assert list(store.list("objects"))


def test_every_host_is_asked(store, pushed, tmp_path):
    workspace, stages = pushed
    write_needs(store, "another", places(stages["other"]))
    tell_needs(store, workspace, PrunePolicy(keep=1, days=0))
    assert prune_store(store, 0, dry_run=True).stages == ()


def damage(store, packed):
    """Change the last byte of an object, so that its size stays."""
    name = object_name(packed.packs[0])
    content = store.read(name)
    store.write(name, content[:-1] + bytes([content[-1] ^ 1]))


def test_a_damaged_stage_is_removed_and_written_again_by_a_host_that_has_it(store, pushed, tmp_path):
    workspace, stages = pushed
    other = stages["other"]
    damage(store, read_stage(store, "variants", other.key).packed)
    ((name, fault),) = remove_damage(store)
    assert name == f"variants/{other.key}" and "missing, changed or damaged: objects/" in fault
    assert list(remove_damage(store)) == []
    assert push_missing(store, workspace, ignore) == 1
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    assert fetch_stage(store, "variants", other.key, fetched)
    assert (fetched / "text").read_text() == (other.path / "text").read_text()


def test_an_unreadable_record_of_a_stage_is_removed_and_the_rest_is_checked(store, pushed):
    workspace, stages = pushed
    broken, damaged = sorted(stages.values(), key=lambda one: (one.stage, one.key))[:2]
    store.write(stage_name(broken.stage, broken.key), b'{"record"')
    damage(store, read_stage(store, damaged.stage, damaged.key).packed)
    found = dict(remove_damage(store))
    assert list(found) == [f"{one.stage}/{one.key}" for one in (broken, damaged)]
    assert "its record cannot be read" in found[f"{broken.stage}/{broken.key}"]
    assert list(remove_damage(store)) == []
    assert push_missing(store, workspace, ignore) == 2


def test_an_unreadable_record_of_a_state_or_of_needs_is_named_and_stays(store, made):
    workspace, _ = made
    push_state(store, workspace.root)
    damage(store, read_state(store, workspace.id).packed)
    names = [f"needs/{workspace.id}/gone.json", f"states/{workspace.id}/00000002.json"]
    for name in names:
        store.write(name, b"[]")
    found = dict(remove_damage(store))
    assert list(found) == [names[0], f"copy 1 of workspace {workspace.id}", names[1]], "the rest is checked"
    assert all("cannot be read" in found[name] and "delete it" in found[name] for name in names)
    assert list(dict(remove_damage(store))) == [names[0], f"copy 1 of workspace {workspace.id}", names[1]]


@pytest.mark.parametrize("of", ["stages", "states", "needs"])
def test_nothing_is_pruned_while_a_record_cannot_be_read(store, pushed, of):
    workspace, stages = pushed
    names = {
        "stages": stage_name("variants", stages["other"].key),
        "states": f"states/{workspace.id}/00000001.json",
        "needs": f"needs/{workspace.id}/gone.json",
    }
    write_needs(store, workspace.id, [])
    store.write("objects/ab/ab", b"of no stage that can be read")
    store.write(names[of], b'{"')
    before = set(store.list("stages")) | set(store.list("objects"))
    with pytest.raises(UnreadableRecord, match=f"got {names[of]} in the store .* run `emotion store verify`"):
        prune_store(store, 0, dry_run=False)
    assert set(store.list("stages")) | set(store.list("objects")) == before
    list(remove_damage(store))
    if of == "stages":
        assert prune_store(store, 0, dry_run=False).kept == 0


def test_a_damaged_copy_of_a_state_is_written_again(store, tmp_path):
    root = tmp_path / "host"
    workspace = Workspace(root).claim().id
    push_state(store, root)
    damage(store, read_state(store, workspace).packed)
    ((name, _),) = remove_damage(store)
    assert name == f"copy 1 of workspace {workspace}"
    assert push_state(store, root) == 1
    assert list(remove_damage(store)) == []
    assert pull_state(store, tmp_path / "fresh").number == 1


def test_a_damaged_stage_is_not_given_to_the_store(store, made):
    workspace, stages = made
    Path(stages["other"].path, "text").write_text("changed here")
    assert push_missing(store, workspace, ignore) == 3
    assert places(stages["other"]).isdisjoint(list_stages(store))


def test_a_fresh_host_fetches_what_it_needs_and_no_more(store, pushed, tmp_path):
    workspace, stages = pushed
    push_state(store, workspace.root)
    write_needs(store, workspace.id, places(stages["report"], stages["training"], stages["views"]))
    root = tmp_path / "fresh"
    root.mkdir()
    (root / "emotion_workspace.json").write_text((workspace.root / "emotion_workspace.json").read_text())
    fresh = Workspace(root, tier=SharedTier(store))
    assert pull_needed(store, fresh, ("reports", "variants"), ignore) == (2, ())
    assert fresh.find("reports", stages["report"].key) and fresh.find("views", stages["views"].key) is None
    assert pull_needed(store, fresh, None, ignore) == (1, ())
    assert push_stage(store, fresh.directory("views", stages["views"].key)).is_first is False
