import os

import pytest

from data.base.errors import PipelineError
from data.workspace.store import Workspace
from models.export.training import find_key, find_training


def write(out):
    (out / "model.keras").write_text("network")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def views(workspace):
    return workspace.produce("views", {"images": 1}, write)


def train(workspace, variant="compact", seed=1, **inputs):
    return workspace.produce("variants", {"variant": variant, "seed": seed, **inputs}, write)


def test_a_vote_has_the_images_of_its_members(workspace, views):
    member = train(workspace, views=views.key)
    vote = train(workspace, "ensemble", candidates={"compact": member.key})
    for one in (member, vote):
        assert find_training(workspace.root, one.key) == (one.path, views.path)


def test_missing_parts_are_named(workspace, views):
    with pytest.raises(PipelineError, match="views stage unknown"):
        find_training(workspace.root, train(workspace).key)
    training = train(workspace, views=views.key)
    (views.path / "model.keras").unlink()
    with pytest.raises(PipelineError, match=f"views stage {views.key}"):
        find_training(workspace.root, training.key)
    with pytest.raises(PipelineError, match="variants stage nothing"):
        find_training(workspace.root, "nothing")


def test_a_variant_stands_for_its_last_used_training(workspace):
    old, new, other = train(workspace), train(workspace, seed=2), train(workspace, "light")
    for one, seconds in ((old, 100), (new, 200), (other, 300)):
        os.utime(one.path / "_complete.json", (seconds, seconds))
    assert find_key(workspace.root, "compact") == new.key
    assert find_key(workspace.root, old.key) == old.key
    with pytest.raises(PipelineError, match="one of compact, light"):
        find_key(workspace.root, "vgg16")
