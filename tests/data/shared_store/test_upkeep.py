"""Upkeep: damage is found, and nothing goes that any host needs."""

from pathlib import Path

import pytest

from data.shared_store.leases import take_lease
from data.shared_store.needs import write_needs
from data.shared_store.stages import list_stages, push_stage, read_stage
from data.shared_store.state import push_state
from data.shared_store.tier import SharedTier
from data.shared_store.transfer import pull_needed, push_missing, tell_needs
from data.shared_store.upkeep import find_damaged, prune_store
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
    assert list(find_damaged(store)) == []


def test_a_young_stage_and_what_a_host_writes_now_stay(store, pushed):
    workspace, stages = pushed
    write_needs(store, workspace.id, [])
    assert prune_store(store, 1, dry_run=False) == ((), 0, 0, 4)
    held = take_lease(store, "variants", stages["other"].key, lambda: False, lambda: False)
    assert prune_store(store, 0, dry_run=True).kept == 2, "the training that is written again, and its views"
    held.release()


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


def test_damage_is_found(store, pushed):
    _, stages = pushed
    (digest,) = read_stage(store, "variants", stages["other"].key).packed.packs
    store.write(f"objects/{digest[:2]}/{digest}", b"other")
    ((stage, key, fault),) = find_damaged(store)
    assert (stage, key) == ("variants", stages["other"].key) and "was changed or damaged" in fault


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
    assert pull_needed(store, fresh, ("reports", "variants"), ignore) == 2
    assert fresh.find("reports", stages["report"].key) and fresh.find("views", stages["views"].key) is None
    assert pull_needed(store, fresh, None, ignore) == 1
    assert push_stage(store, fresh.directory("views", stages["views"].key)).is_first is False
