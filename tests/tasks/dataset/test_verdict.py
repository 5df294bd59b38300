"""A data set is judged, its verdict is published whatever it says, and only then it is accepted or refused."""

import re
import shutil
from typing import NamedTuple

import pytest
from prefect.logging import disable_run_logger

from data.base.errors import DataRejected
from data.sources.source import DatasetSource
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from tasks.dataset import drift, validate, verdict
from tasks.dataset.manifest import build_manifest
from tasks.support.outcomes import record_of
from tests.support.corrupter import LOSSES, corrupt
from tests.support.image_tree import write_image_tree

LENIENT = RulePolicies(enough_images="off", splits_alike="off")
"""For trees of a few textures, whose splits are no samples of one source."""


class Judged(NamedTuple):
    """The stages behind one verdict."""

    dataset: Produced
    change: Produced
    verdict: Produced

    def page(self) -> str:
        return (self.verdict.path / "verdict.html").read_text(encoding="utf-8")


class Desk:
    """Judges trees of images one after the other in one workspace, and keeps the artifacts."""

    def __init__(self, root):
        self.root = root
        self.source = DatasetSource(kind="folder", location=str(root / "tree"))
        self.artifacts = []

    def judge(self, tree, policies=LENIENT, force=False) -> tuple[Judged, Workspace]:
        workspace = Workspace(self.root / "workspace", force=force)
        with disable_run_logger():
            images = self._store(tree, workspace)
            manifest = record_of(build_manifest.fn(images, workspace))
            dataset = record_of(validate.validate_data.fn(manifest, self.source, policies, 7, workspace))
            change = record_of(
                drift.compare_with_last.fn(dataset, manifest, self.source, policies.similar_to_last, workspace)
            )
            published = record_of(verdict.publish_verdict.fn(images, manifest, dataset, change, workspace))
        return Judged(dataset, change, published), workspace

    def accept(self, judged, workspace):
        with disable_run_logger():
            return record_of(verdict.accept_data.fn(judged.dataset, judged.verdict, self.source, workspace))

    def _store(self, tree, workspace):
        listing = sorted((path.relative_to(tree).as_posix(), path.read_bytes().hex()) for path in tree.rglob("*.*"))
        return workspace.produce(
            "images", {"tree": listing}, lambda out: shutil.copytree(tree, out / "images") and None
        )


@pytest.fixture
def desk(tmp_path, monkeypatch):
    found = Desk(tmp_path)
    # An artifact needs a server; tests/flows/test_retrain.py reads real ones back.
    for module, name in ((drift, "create_table_artifact"), (verdict, "create_markdown_artifact")):
        monkeypatch.setattr(module, name, lambda **artifact: found.artifacts.append(artifact))
    return found


def test_a_mended_data_set_is_accepted_with_its_page(desk, tmp_path):
    tree = write_image_tree(tmp_path / "tree", faults=["leaking_train", "blank", "truncated"])
    judged, workspace = desk.judge(tree)
    assert desk.accept(judged, workspace).key == judged.dataset.key
    page = judged.page()
    assert "Accepted: models may be trained on it." in page
    assert 'alt="train/happy/leak.jpg"' in page and 'alt="validation/happy/0.jpg"' in page
    assert len(page) < 3_000_000
    listed = (judged.verdict.path / "quarantine.csv").read_text().splitlines()
    assert "train/happy/leak.jpg,train,happy,leaking_train" in listed
    (artifact,) = desk.artifacts
    assert artifact["key"] == "data-quality"
    assert str(judged.verdict.path / "verdict.html") in artifact["markdown"]
    assert "| no_duplicates_across_splits | quarantine | warning | passed |" in artifact["markdown"]


@pytest.mark.parametrize("kind", LOSSES)
def test_a_data_set_that_nothing_can_be_done_with_has_its_page(desk, tmp_path, kind):
    tree = write_image_tree(tmp_path / "tree")
    corrupt(tree, kind)
    judged, workspace = desk.judge(tree, LENIENT.model_copy(update={"splits_alike": "fail"}))
    with pytest.raises(DataRejected, match=r"the split .* (is missing|holds no readable image)"):
        desk.accept(judged, workspace)
    assert "Refused: nothing is trained on it." in judged.page()
    assert "holds no readable image" in judged.page() or kind == "no_train"


def test_splits_are_shown_statistic_by_statistic(desk, tmp_path):
    tree = write_image_tree(tmp_path / "tree", {"train": 30, "validation": 30, "test": 2})
    judged, _ = desk.judge(tree, LENIENT.model_copy(update={"splits_alike": "warn"}))
    page = judged.page()
    (pair, *_) = validate.load_comparison(judged.dataset).pairs
    assert f"train against validation: AUC {pair.auc:.2f} ({pair.auc_low:.2f} to {pair.auc_high:.2f})" in page
    assert "train against test: too few images for a classifier" in page
    assert "30 weaker statistics" in page
    strongest = max(pair.differences, key=lambda difference: abs(difference.cliffs_delta))
    rows = page[page.index('class="statistics"') :].split("<tr>")
    assert f"<td>{strongest.cliffs_delta:,.2f}</td>" in rows[2] and len(pair.differences) == 40


def test_links_of_the_page_lead_to_files(desk, tmp_path):
    judged, _ = desk.judge(write_image_tree(tmp_path / "tree"))
    links = re.findall(r'href="([^"#]+)"', judged.page())
    assert len(links) == 2
    for link in links:
        assert (judged.verdict.path / link).is_file()


def test_a_refused_data_set_has_its_page_which_the_error_names(desk, tmp_path):
    tree = write_image_tree(tmp_path / "tree", faults=["blank"])
    judged, workspace = desk.judge(tree, LENIENT.model_copy(update={"not_blank": "fail"}))
    with pytest.raises(DataRejected, match="refused, nothing was trained") as refusal:
        desk.accept(judged, workspace)
    assert str(judged.verdict.path / "verdict.html") in str(refusal.value)
    assert "1 image found to be blank" in str(refusal.value)
    assert refusal.value.verdict == judged.verdict.path
    assert "another policy than fail for not_blank" in judged.page()
    assert 'alt="train/sad/blank.jpg"' in judged.page()
    assert drift.read_accepted(desk.source, workspace).key == ""


def test_a_data_set_that_lost_most_images_is_held_back_until_a_policy_accepts_it(desk, tmp_path):
    first, workspace = desk.judge(write_image_tree(tmp_path / "tree", {"train": 8, "validation": 4, "test": 3}))
    desk.accept(first, workspace)
    fewer = write_image_tree(tmp_path / "fewer", {"train": 3, "validation": 2, "test": 2}, seed=1)
    second, workspace = desk.judge(fewer)
    assert "Held back" in second.page() and "few_images_removed" in second.page()
    with pytest.raises(DataRejected, match="similar_to_last=warn"):
        desk.accept(second, workspace)
    assert drift.read_accepted(desk.source, workspace).key == first.dataset.key
    again, workspace = desk.judge(fewer, force=True)
    with pytest.raises(DataRejected, match="similar_to_last=warn"):
        desk.accept(again, workspace)
    allowed, workspace = desk.judge(fewer, LENIENT.model_copy(update={"similar_to_last": "warn"}))
    desk.accept(allowed, workspace)
    repeated, workspace = desk.judge(fewer)
    assert desk.accept(repeated, workspace).key == second.dataset.key


def test_added_images_are_listed_and_shown(desk, tmp_path):
    tree = write_image_tree(tmp_path / "tree", {"train": 8, "validation": 4, "test": 3})
    first, workspace = desk.judge(tree)
    desk.accept(first, workspace)
    shutil.copytree(tree, tmp_path / "more")
    other = write_image_tree(tmp_path / "other", {"train": 1}, seed=5)
    shutil.copy(other / "train/happy/0.jpg", tmp_path / "more/train/happy/new.jpg")
    second, workspace = desk.judge(tmp_path / "more")
    assert 'alt="train/happy/new.jpg"' in second.page()
    listed = (second.verdict.path / "changed_images.csv").read_text().splitlines()
    assert listed == ["path,split,label,change", "train/happy/new.jpg,train,happy,added"]


def test_a_repeat_finds_the_verdict_and_what_led_to_it(desk, tmp_path):
    tree = write_image_tree(tmp_path / "tree")
    first, workspace = desk.judge(tree)
    desk.accept(first, workspace)
    again, _ = desk.judge(tree)
    assert [stage.key for stage in again] == [stage.key for stage in first]
    assert all(stage.cached for stage in again)
