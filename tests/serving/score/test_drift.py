"""Scored faces beside the data set behind their network: as trained, moved, and without a data set."""

import numpy as np
import pytest
from PIL import Image

from data.manifest.measures import MEASURES, measure_pixels
from data.quality.drift import QUANTILES, DataProfile, write_profile
from data.workspace.layout import DATASETS_STAGE, PROFILE_NAME, VARIANTS_STAGE, VIEWS_STAGE
from data.workspace.store import Workspace
from tests.support.bundles import VARIANT_KEY
from tests.support.score_factory import draw_photos, make_spec, score
from tests.support.tiny_export import make_export

FACES = 120


def write_nothing(out):
    (out / "empty").touch()


@pytest.fixture
def trained(tmp_path):
    """A workspace with a training whose train images look as the photos that are drawn here."""
    workspace = Workspace(tmp_path / "workspace")
    folder = draw_photos(tmp_path / "trained", FACES, start=5000)
    measured = [measure_pixels(np.asarray(Image.open(path))) for path in sorted(folder.rglob("*.png"))]
    values = {name: np.array([one[name] for one in measured]) for name in MEASURES}
    quantiles = {name: tuple(np.quantile(of_name, QUANTILES).tolist()) for name, of_name in values.items()}
    profile = DataProfile(counts={"train": {"happy": FACES}}, quantiles={"train": quantiles})
    dataset = workspace.produce(
        DATASETS_STAGE, {"of": "a test"}, lambda out: write_profile(profile, out / PROFILE_NAME)
    )
    views = workspace.produce(VIEWS_STAGE, {"dataset": dataset.key}, write_nothing)
    training = workspace.produce(VARIANTS_STAGE, {"views": views.key}, write_nothing)
    export = make_export(tmp_path / "export", variant_key=training.key)
    return workspace, export, dataset.key


def test_faces_as_those_of_the_training_do_not_count_as_moved(trained, tmp_path):
    workspace, export, dataset = trained
    drift = score(make_spec(workspace.root, export, draw_photos(tmp_path / "photos", FACES))).drift
    assert (drift.dataset, drift.images, drift.faces, drift.reason) == (dataset, FACES, FACES, "")
    assert [one.measure for one in drift.measures] == list(MEASURES)
    assert drift.level == "none"


def test_the_newest_faces_count_and_a_later_run_without_any_goes_on_telling_of_them(trained, tmp_path):
    workspace, export, _ = trained
    photos = draw_photos(tmp_path / "photos", FACES)
    spec = make_spec(workspace.root, export, photos)
    score(spec)
    for path in sorted(draw_photos(photos / "night", FACES, start=900).rglob("*.png")):
        Image.fromarray(np.asarray(Image.open(path)) // 3).save(path)
    drift = score(spec).drift
    levels = {one.measure: one.level for one in drift.measures}
    assert drift.faces == FACES and levels["mean"] == "critical" and drift.level == "critical"
    assert score(spec).drift == drift


def test_without_the_data_set_the_reason_is_said(tmp_path, export):
    spec = make_spec(tmp_path / "workspace", export, draw_photos(tmp_path / "photos", 3))
    drift = score(spec).drift
    assert drift.measures == () and f"no profile of the data behind training {VARIANT_KEY}" in drift.reason
