"""Exported network: batches, temperature, and files that are no such network."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from models.evaluation.calibration import scale_by_temperature
from models.export.bundle import read_bundle
from serving.network import LARGEST_BATCH, ScoringNetwork
from tests.support.tiny_export import make_export

LEVELS = np.linspace(20, 255, 2 * LARGEST_BATCH + 5)
CROPS = (np.random.default_rng(2).random((len(LEVELS), 48, 48, 1)) * LEVELS[:, None, None, None]).astype(np.uint8)


def load(directory):
    return ScoringNetwork(directory / "network.onnx", read_bundle(directory))


def test_a_crop_has_the_same_probabilities_alone_and_among_others(export):
    network = load(export)
    together = network.probabilities(CROPS)
    alone = np.concatenate([network.probabilities(crop[None]) for crop in CROPS])
    assert np.abs(together - alone).max() <= 1e-6
    assert np.ptp(together, axis=0).min() > 0.01, "the network must tell the crops apart for this to mean anything"
    assert together.sum(axis=1) == pytest.approx(1)


def test_threads_that_score_at_once_get_their_own_answers(export):
    network = load(export)
    expected = network.probabilities(CROPS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda crop: network.probabilities(crop[None])[0], CROPS))
    assert np.abs(np.stack(found) - expected).max() <= 1e-6


def test_the_stored_temperature_is_applied(tmp_path, export):
    raw = load(make_export(tmp_path, temperature=1.0)).probabilities(CROPS)
    assert load(export).probabilities(CROPS) == pytest.approx(scale_by_temperature(raw, 2.0), abs=1e-6)


def test_no_crop_gives_no_row(export):
    assert load(export).probabilities(CROPS[:0]).shape == (0, 4)


@pytest.mark.parametrize(
    "data_format",
    [
        SEED_FORMAT.model_copy(update={"channels": 3}),
        SEED_FORMAT.model_copy(update={"height": 64}),
        DataFormat(labels=("no", "yes")),
    ],
    ids=["colour", "size", "labels"],
)
def test_a_network_of_another_format_is_refused(tmp_path, export, data_format):
    make_export(tmp_path, data_format)
    with pytest.raises(PipelineError, match="export it again with emotion export"):
        ScoringNetwork(export / "network.onnx", read_bundle(tmp_path))


@pytest.mark.parametrize("content", [None, b"", b"no network"])
def test_a_file_that_is_no_network_is_named(tmp_path, export, content):
    path = tmp_path / "network.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match=str(path)):
        ScoringNetwork(path, read_bundle(export))
