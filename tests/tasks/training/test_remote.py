"""A training for another host: keys, no paths; a host that differs is refused with both sides named."""

import pytest

from data.base.errors import PipelineError
from data.shared_store.objects import ObjectStore
from data.shared_store.tier import SharedTier
from data.workspace.digests import hash_json
from data.workspace.store import Workspace
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from tasks.training.remote import RemoteTraining
from tasks.training.train import TrainingJob, training_inputs


@pytest.fixture
def hosts(tmp_path):
    """Workspaces of two hosts on one store."""
    store = f"file://{tmp_path / 'store'}"
    return [Workspace(tmp_path / name, tier=SharedTier(ObjectStore(store))) for name in ("one", "two")]


@pytest.fixture
def remote(hosts):
    """A training that the first host describes."""
    views, short = (
        hosts[0].produce("views", {"views": count}, lambda out: (out / "a").write_text("x") and None)
        for count in (8, 2)
    )
    job = TrainingJob(
        variant=find_variant("compact"),
        train=TrainConfig(),
        seed=42,
        threads=4,
        weights_dir=None,
        allow_weight_download=False,
        features=hosts[0].root,
        short_views=short,
    )
    return RemoteTraining.describe(job, views, hash_json(training_inputs(job, views, None)), "parent")


def test_it_holds_no_path(remote, hosts):
    assert str(hosts[0].root.parent) not in remote.model_dump_json()


def test_another_host_opens_it_with_its_own_places_and_the_same_key(remote, hosts):
    again = RemoteTraining.model_validate_json(remote.model_dump_json())
    job, views = again.open(hosts[1], 2, None, False)
    assert (job.threads, job.features) == (2, hosts[1].root)
    assert views.path.is_relative_to(hosts[1].root) and job.short_views.path.is_relative_to(hosts[1].root)
    again.require_versions()
    again.require_key(job, views, None)


def test_other_code_is_refused_with_both_keys(remote, hosts):
    other = remote.model_copy(update={"key": "0" * 16})
    with pytest.raises(PipelineError, match=f"got the training {'0' * 16}, which has the key {remote.key} here"):
        other.require_key(*other.open(hosts[1], 2, None, False), None)


def test_other_packages_are_refused_with_both_versions(remote):
    other = remote.model_copy(update={"versions": {**remote.versions, "tensorflow": "1.0"}})
    with pytest.raises(PipelineError, match=f"tensorflow 1.0, here {remote.versions['tensorflow']}"):
        other.require_versions()


def test_views_that_are_nowhere_are_named(remote, tmp_path):
    alone = Workspace(tmp_path / "alone", tier=SharedTier(ObjectStore(f"file://{tmp_path / 'empty'}")))
    with pytest.raises(PipelineError, match=f"got no stage views/{remote.views}"):
        remote.open(alone, 2, None, False)
