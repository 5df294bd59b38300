"""Transfer: what is missing in a store or damaged there is named, and the rest comes."""

import pytest

from data.shared_store.needs import write_needs
from data.shared_store.objects import StoreUnavailable
from data.shared_store.packs import object_name
from data.shared_store.stages import push_stage, read_stage, stage_name
from data.shared_store.tier import SharedTier
from data.shared_store.transfer import pull_needed, push_missing
from data.workspace.mark import MARK_NAME
from data.workspace.store import Workspace


@pytest.fixture
def hosts(store, tmp_path):
    """A workspace whose four trainings are in the store and needed, their keys in order, and a host that has none."""
    made = Workspace(tmp_path / "made")
    trainings = [
        made.produce("variants", {"seed": seed}, lambda out, seed=seed: (out / "text").write_text(str(seed)) and None)
        for seed in range(4)
    ]
    push_missing(store, made, lambda *_: None)
    keys = sorted(training.key for training in trainings)
    write_needs(store, made.id, [("variants", key) for key in keys])
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / MARK_NAME).write_bytes((made.root / MARK_NAME).read_bytes())
    return made, keys, Workspace(tmp_path / "fresh", tier=SharedTier(store))


def test_what_is_missing_or_damaged_is_named_and_the_rest_comes(store, hosts):
    made, keys, fresh = hosts
    store.delete(stage_name("variants", keys[0]))
    store.write(object_name(read_stage(store, "variants", keys[1]).packed.packs[0]), b"damaged")
    store.write(stage_name("variants", keys[2]), b"no record")
    told = []
    pulled = pull_needed(store, fresh, None, lambda *place: told.append(place))
    assert pulled == (1, tuple(("variants", key) for key in keys[:3]))
    assert told == [("variants", keys[1]), ("variants", keys[3])]
    assert fresh.find("variants", keys[3])

    store.delete(stage_name("variants", keys[2]))
    for key in keys[:3]:
        push_stage(store, made.directory("variants", key))
    assert pull_needed(store, fresh, None, lambda *_: None) == (3, ())


def test_an_outage_is_no_missing_stage(store, hosts, monkeypatch):
    fresh = hosts[2]

    def fail(*_):
        raise StoreUnavailable("no usable answer")

    monkeypatch.setattr("data.shared_store.transfer.read_stage", fail)
    with pytest.raises(StoreUnavailable):
        pull_needed(store, fresh, None, lambda *_: None)
