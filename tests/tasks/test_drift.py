"""A data set is compared with the last accepted one of its source, and refused when it changed too much."""

import pytest
from prefect.logging import disable_run_logger

from data.errors import DataRejected
from data.profile import make_profile, write_profile
from data.source import DatasetSource
from data.workspace import Workspace
from tasks import drift
from tests.image_tree import make_manifest

SOURCE = DatasetSource(kind="folder", location="/images")


def rows(classes, per_class):
    return [
        (split, label, f"{split}{label}{number}")
        for split in ("train", "validation", "test")
        for label in classes
        for number in range(per_class)
    ]


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Store a profile as a judged data set and compare it with the last; returns the tables that were published."""
    tables = []
    # An artifact needs a server; tests/flows/test_retrain.py reads real ones back.
    monkeypatch.setattr(drift, "create_table_artifact", lambda **artifact: tables.append(artifact["table"]))

    def run(name, manifest, force=False):
        workspace = Workspace(tmp_path, force=force)
        write = lambda out: write_profile(make_profile(manifest), out / "profile.json")  # noqa: E731
        dataset = workspace.produce("datasets", {"name": name}, write)
        with disable_run_logger():
            drift.compare_with_last.fn(dataset, SOURCE, workspace)
        return dataset.key

    def pointer():
        (path,) = (tmp_path / "accepted").iterdir()
        return path.read_text()

    return run, pointer, tables


ALL = ("happy", "neutral", "sad", "surprise")


def test_the_first_data_set_is_accepted_without_a_comparison(compare):
    run, pointer, tables = compare
    assert pointer_after(run, pointer, "first", make_manifest(rows(ALL, 40)))
    assert tables == []


def test_a_small_change_is_published_and_accepted(compare):
    run, pointer, tables = compare
    run("first", make_manifest(rows(ALL, 40)))
    assert pointer_after(run, pointer, "second", make_manifest(rows(ALL, 41)))
    assert {row["rule"] for row in tables[0]} >= {"few_images_added", "few_images_removed"}


def test_a_data_set_that_lost_most_images_is_refused_and_the_last_one_stays(compare):
    run, pointer, _ = compare
    first = run("first", make_manifest(rows(ALL, 60)))
    fewer = make_manifest(rows(ALL, 6))
    with pytest.raises(DataRejected, match="--force"):
        run("second", fewer)
    assert pointer() == first
    assert pointer_after(lambda name, manifest: run(name, manifest, force=True), pointer, "second", fewer)


def pointer_after(run, pointer, name, manifest) -> bool:
    """Return whether the data set just compared is the accepted one."""
    return run(name, manifest) == pointer()
