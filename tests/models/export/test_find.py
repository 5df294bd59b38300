import os

import pytest

from data.workspace.layout import EXPORTS_STAGE, REPORTS_STAGE
from data.workspace.store import Workspace
from models.export.find import champion_export, find_export
from models.export.reported import Reported
from models.registry.champion import ModelRegistry
from tests.support.registry_factory import make_registry


def write(out):
    (out / "bundle.json").write_text("{}")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def make_export(workspace, training, code="1", **judged):
    return workspace.produce(EXPORTS_STAGE, {"training": training, **judged, "code": code}, write).path


def test_finds_the_export_of_a_training_and_of_no_other(workspace):
    assert find_export(workspace.root, "training a") is None
    made = make_export(workspace, "training a")
    assert find_export(workspace.root, "training a") == made
    assert find_export(workspace.root, "training b") is None


def test_takes_the_export_that_was_used_last(workspace):
    old, new = make_export(workspace, "training a"), make_export(workspace, "training a", "2")
    for path, seconds in ((old, 100), (new, 200)):
        os.utime(path / "_complete.json", (seconds, seconds))
    assert find_export(workspace.root, "training a") == new
    make_export(workspace, "training a")  # found again, by an older version of the code
    assert find_export(workspace.root, "training a") == old


def test_finds_the_export_by_the_labels_of_a_report(workspace):
    crowd, newer = Reported("crowd", "d" * 16), Reported("crowd", "e" * 16)
    published = make_export(workspace, "training a")
    assert find_export(workspace.root, "training a", crowd) is None
    made = make_export(workspace, "training a", **crowd.inputs)
    assert find_export(workspace.root, "training a", crowd) == made
    assert find_export(workspace.root, "training a", newer) is None, "with other votes the crowd chose other labels"
    assert find_export(workspace.root, "training a", Reported("published", "d" * 16)) == published
    assert find_export(workspace.root, "training a") in (published, made)


def test_the_champion_has_the_export_by_the_labels_of_its_report(workspace):
    make_registry(workspace.root, 1)
    registry, published = ModelRegistry(workspace.root), make_export(workspace, "variant1")
    registry.move_champion(1, "a test", "first")
    inputs = {"truth": "crowd", "dataset": "d" * 16, "variants": {}}
    report = workspace.produce(REPORTS_STAGE, inputs, write)
    registry.describe(1, {"emotion.report": report.key})
    assert champion_export(workspace.root) == (1, published), "it was exported by an earlier release"
    made = make_export(workspace, "variant1", truth="crowd", dataset="d" * 16)
    os.utime(made / "_complete.json", (100, 100))
    assert champion_export(workspace.root) == (1, made)


def test_a_damaged_export_does_not_count(workspace):
    path = make_export(workspace, "training a")
    (path / "bundle.json").write_text("")
    assert find_export(workspace.root, "training a") is None
    (path / "_complete.json").write_text("no record")
    assert find_export(workspace.root, "training a") is None


def test_follows_the_champion(workspace):
    assert champion_export(workspace.root) == (0, None)
    make_registry(workspace.root, 2)
    assert champion_export(workspace.root) == (0, None)
    registry, path = ModelRegistry(workspace.root), make_export(workspace, "variant2")
    registry.move_champion(1, "a test", "first")
    assert champion_export(workspace.root) == (1, None)
    assert champion_export(workspace.root, version=2) == (2, path)
    registry.move_champion(2, "a test", "second")
    assert champion_export(workspace.root) == (2, path)
