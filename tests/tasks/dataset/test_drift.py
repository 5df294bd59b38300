"""A data set is compared with the last accepted one of its source; what changed is kept with the images behind it."""

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from data.manifest.table import write_manifest
from data.quality.accepted import read_accepted, write_accepted
from data.quality.drift import make_profile, write_profile
from data.records.dataset import Accepted
from data.sources.source import DatasetSource
from data.workspace.store import Workspace
from tasks.dataset import drift
from tasks.support.outcomes import record_of
from tests.support.image_tree import make_manifest

SOURCE = DatasetSource(kind="folder", location="/images")
OTHER_SOURCE = DatasetSource(kind="folder", location="/other")
ALL = ("happy", "neutral", "sad", "surprise")


def rows(classes, per_class):
    return [
        (split, label, f"{split}{label}{number}")
        for split in ("train", "validation", "test")
        for label in classes
        for number in range(per_class)
    ]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def tables(monkeypatch):
    """The tables that were published. An artifact needs a server; tests/flows/test_retrain.py reads real ones back."""
    published = []
    monkeypatch.setattr(drift, "create_table_artifact", lambda **artifact: published.append(artifact["table"]))
    return published


@pytest.fixture
def compare(workspace, tables):
    """Store a manifest as a judged data set and compare it with the last accepted one."""

    def run(name, content, source=SOURCE, policy="fail"):
        frame = make_manifest(content)
        manifest = workspace.produce(
            "manifests", {"name": name}, lambda out: write_manifest(frame, out / "manifest.parquet")
        )
        dataset = workspace.produce(
            "datasets", {"name": name}, lambda out: write_profile(make_profile(frame), out / "profile.json")
        )
        with disable_run_logger():
            change = record_of(drift.compare_with_last.fn(dataset, manifest, source, policy, workspace))
        return dataset, change

    return run


def test_the_first_data_set_has_nothing_to_be_compared_with(compare, tables):
    _, change = compare("first", rows(ALL, 4))
    assert drift.load_changes(change) == ()
    assert drift.load_changed_images(change) is None
    assert drift.compared_with(change) == ""
    assert tables == []


def test_what_changed_is_counted_published_and_named_by_its_images(compare, workspace, tables):
    former = rows(ALL, 4)
    first, _ = compare("first", former)
    write_accepted(first, SOURCE, workspace)
    relabelled = [("train", "sad", "trainhappy0"), *former[1:]]
    _, change = compare("second", [*relabelled, ("test", "sad", "new")])
    found = {finding.rule: finding for finding in drift.load_changes(change)}
    assert found["few_images_added"].observed == 1
    assert found["few_images_added"].examples == ("test/sad/48.jpg",)
    assert found["few_images_relabelled"].examples == ("train/sad/0.jpg",)
    assert found["few_images_moved"].examples == ()
    images = drift.load_changed_images(change)
    assert images is not None
    assert list(images["change"]) == ["relabelled", "added"]
    assert drift.compared_with(change) == first.key
    assert {row["rule"] for row in tables[0]} == set(found)


def test_only_an_accepted_data_set_is_compared_with(compare, workspace):
    first, _ = compare("first", rows(ALL, 4))
    write_accepted(first, SOURCE, workspace)
    compare("refused", rows(ALL, 1))
    _, change = compare("third", rows(ALL, 5))
    assert drift.compared_with(change) == first.key


def test_a_repeat_compares_with_the_same_data_set_again(compare, workspace):
    first, _ = compare("first", rows(ALL, 4))
    write_accepted(first, SOURCE, workspace)
    second, change = compare("second", rows(ALL, 5))
    for _ in range(2):
        write_accepted(second, SOURCE, workspace)
        assert compare("second", rows(ALL, 5))[1].key == change.key


def test_a_run_that_is_killed_while_it_accepts_leaves_the_former_answer(compare, workspace, monkeypatch):
    first, _ = compare("first", rows(ALL, 4))
    write_accepted(first, SOURCE, workspace)
    second, _ = compare("second", rows(ALL, 5))

    def write_half(path, text, encoding):
        path.write_bytes(text.encode(encoding)[: len(text) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", write_half)
        with pytest.raises(KeyboardInterrupt):
            write_accepted(second, SOURCE, workspace)
    assert read_accepted(SOURCE, workspace).key == first.key
    write_accepted(second, SOURCE, workspace)
    assert read_accepted(SOURCE, workspace) == Accepted(key=second.key, former=first.key)


def test_sources_are_kept_apart(compare, workspace):
    first, _ = compare("first", rows(ALL, 4))
    write_accepted(first, SOURCE, workspace)
    _, change = compare("second", rows(ALL, 5), OTHER_SOURCE)
    assert drift.compared_with(change) == ""


def test_a_last_data_set_that_was_removed_is_no_hindrance(compare, workspace):
    first, _ = compare("first", rows(ALL, 4))
    write_accepted(first, SOURCE, workspace)
    (first.path / "profile.json").unlink()
    _, change = compare("second", rows(ALL, 5))
    assert drift.load_changes(change) == ()


@pytest.mark.parametrize(("policy", "severities"), [("fail", {"critical"}), ("warn", {"warning"}), ("off", set())])
def test_the_policy_says_what_a_large_change_is(compare, workspace, policy, severities):
    first, _ = compare("first", rows(ALL, 4))
    write_accepted(first, SOURCE, workspace)
    _, change = compare("second", rows(ALL, 2), policy=policy)
    removed = [finding for finding in drift.load_changes(change) if finding.rule == "few_images_removed"]
    assert {finding.severity for finding in removed if not finding.success} == severities
