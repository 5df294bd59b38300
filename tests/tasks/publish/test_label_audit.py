"""The audit as a stage: what it writes, what it publishes, and that the CSV it leaves can be given back."""

import numpy as np
import pandas as pd
import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.manifest.table import build_manifest, write_manifest
from data.quality.label_corrections import apply_relabel, read_relabel
from data.records.training import VariantResult
from data.workspace.store import Workspace
from models.evaluation.metrics import measure_part
from models.evaluation.predictions import name_columns
from models.jobs.files import PREDICTIONS_NAME
from tasks.publish import label_audit as audit
from tasks.support.outcomes import record_of
from tests.support.image_tree import write_image_tree
from tests.support.results_factory import make_data
from tests.support.seed_format import CLASSES

WRONG = "validation/happy/0.jpg"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Prepare images, a judged data set and a variant that contradicts one label; returns a function that audits."""
    artifacts = []
    # An artifact needs a server; tests/flows/test_retrain.py reads real ones back.
    monkeypatch.setattr(audit, "create_table_artifact", lambda **artifact: artifacts.append(artifact))
    workspace = Workspace(tmp_path)
    counts = {"train": 12, "validation": 10, "test": 5}
    images = workspace.produce("images", {}, lambda out: write_image_tree(out / "images", counts) and None)
    manifest = build_manifest(images.path / "images")
    parts = manifest["split"].where(manifest["path"].str.fullmatch(r"(?!train).*|.*/1?[0-5]\.jpg"), "selection")
    manifest = manifest.assign(part=parts)

    def write_data_set(out):
        write_manifest(manifest, out / "manifest.parquet")
        (out / "summary.json").write_text(make_data().model_dump_json())

    dataset = workspace.produce("datasets", {}, write_data_set)
    result = write_predictions(tmp_path / "variants" / "key", manifest[manifest["part"] != "train"])

    def go(results=(result,), **answers):
        with disable_run_logger():
            outcome = audit.audit_variant_labels.fn(list(results), images, dataset, workspace, **answers)
        return outcome, artifacts

    return go, manifest


def write_predictions(directory, held_out):
    """Return a variant that is sure of every label but that of `WRONG`, which it takes for sad."""
    directory.mkdir(parents=True)
    labels = held_out["label"].map(CLASSES.index).to_numpy()
    seen = np.where(held_out["path"] == WRONG, CLASSES.index("sad"), labels)
    probabilities = np.full((len(labels), 4), 0.02)
    probabilities[np.arange(len(labels)), seen] = 0.94
    frame = pd.DataFrame(probabilities, columns=pd.Index(name_columns(len(CLASSES))))
    frame.insert(0, "image_id", held_out["path"].to_numpy())
    frame.insert(1, "part", held_out["part"].to_numpy())
    frame.insert(2, "label", labels)
    frame.to_parquet(directory / PREDICTIONS_NAME, index=False)
    chosen = (frame["part"] == "selection").to_numpy()
    scores = {"selection": measure_part(labels[chosen], probabilities[chosen], CLASSES)}
    return VariantResult(name="compact", description="sure", status="trained", directory=str(directory), parts=scores)


def test_the_stage_holds_the_audit_a_csv_and_the_faces(run):
    go, manifest = run
    audited = record_of(go()[0])
    found = audit.load_label_audit(audited)
    assert [(s.image_id, s.suggested_label) for s in found.suspects] == [(WRONG, "sad")]
    assert found.audited_by == ("compact",)
    assert found.images == (manifest["part"] != "train").sum()
    with np.load(audited.path / "pictures.npz") as stored:
        assert stored["images"].shape == (1, 48, 48) and stored["images"].dtype == np.uint8
        assert stored["image_ids"].tolist() == [WRONG]
    assert audited.stage == "audits"


def test_the_page_shows_the_faces_and_links_the_csv(run):
    go, _ = run
    page = (record_of(go()[0]).path / "audit.html").read_text()
    assert 'alt="1 face labelled happy, suspected to be sad"' in page
    assert 'href="suspects.csv"' in page


def test_the_csv_can_be_filled_in_and_applied(run, tmp_path):
    go, manifest = run
    audited = record_of(go()[0])
    table = pd.read_csv(audited.path / "suspects.csv", encoding="utf-8-sig", keep_default_na=False)
    table["new_label"] = table["suggested_label"]
    table.to_csv(tmp_path / "relabel.csv", index=False)
    outcome = apply_relabel(manifest, read_relabel(tmp_path / "relabel.csv"))
    assert outcome.manifest.set_index("path")["label"][WRONG] == "sad"
    assert outcome.counts.relabelled == 1


def test_the_artifact_lists_the_suspects(run):
    go, _ = run
    _, (artifact,) = go()
    assert artifact["key"] == "label-audit"
    assert [row["image"] for row in artifact["table"]] == [WRONG]
    assert "suspected" in artifact["description"]


def test_the_second_time_it_is_cached_and_published_again(run):
    go, _ = run
    first, _ = go()
    second, artifacts = go()
    assert isinstance(second, State) and second.name == "Cached"
    assert record_of(second).key == first.key
    assert artifacts[0] == artifacts[1]


def test_a_run_without_a_trained_variant_suspects_nothing(run):
    go, _ = run
    skipped = VariantResult(name="vgg16_a", description="", status="skipped")
    outcome, (artifact,) = go([skipped])
    audited = record_of(outcome)
    assert audit.load_label_audit(audited).images == 0
    assert not (audited.path / "pictures.npz").exists()
    assert read_relabel(audited.path / "suspects.csv") == {}
    assert artifact["table"] == []


def test_a_cross_fit_asks_for_a_random_sample_and_takes_its_answers(run, tmp_path, monkeypatch):
    go, manifest = run
    monkeypatch.setattr(audit, "audit_variant_labels", audit.audit_cross_fitted)
    asked = record_of(go()[0])
    sample = pd.read_csv(asked.path / "sample.csv", encoding="utf-8-sig", keep_default_na=False, dtype="str")
    assert set(sample["image_id"]) == set(audit.load_label_audit(asked).sample) <= set(manifest["path"])
    sample["new_label"] = sample["label"].where(sample["image_id"] != WRONG, "sad")
    sample.to_csv(tmp_path / "filled.csv", index=False)
    told = record_of(go(answers=str(tmp_path / "filled.csv"))[0])
    found = audit.load_label_audit(told)
    assert told.key != asked.key and found.sample == ()
    assert sum(one.answered for one in found.answers) == len(sample)
    assert WRONG not in [suspect.image_id for suspect in found.suspects], "a person has judged it"
    assert len(read_relabel(told.path / "suspects.csv")) == len(sample)


def test_answers_that_are_not_there_are_named(run, monkeypatch):
    go, _ = run
    monkeypatch.setattr(audit, "audit_variant_labels", audit.audit_cross_fitted)
    with pytest.raises(PipelineError, match=r"got no file nowhere\.csv, expected the sample\.csv of an audit"):
        go(answers="nowhere.csv")
