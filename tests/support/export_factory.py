"""A workspace with a finished training of a tiny network, its vote with itself, and their images."""

from pathlib import Path

import pandas as pd

from data.base.data_format import SEED_FORMAT
from data.records.training import VariantResult
from data.views.tfrecords import read_identified
from data.workspace.layout import VARIANTS_STAGE, VIEWS_STAGE
from data.workspace.store import Produced, Workspace
from models.evaluation.metrics import measure_predictions
from models.jobs.files import NETWORK_NAME, PREDICTIONS_NAME, RESULT_NAME, SCORED_PARTS
from models.training.predict import predict_part
from tests.support.tiny_network import save_tiny_network
from tests.support.tiny_views import write_tiny_views


def make_training(workspace: Workspace) -> Produced:
    """Write a training of two convolution layers' weights, fitted in seconds, with its views."""
    views = workspace.produce(VIEWS_STAGE, {"images": "tiny"}, write_tiny_views)
    return workspace.produce(VARIANTS_STAGE, {"views": views.key, "variant": "tiny"}, lambda out: _train(views, out))


def make_vote(workspace: Workspace, training: Produced) -> Produced:
    """Write a vote of a training with itself."""
    from models.training.ensemble import EnsembleMember, make_ensemble

    def write(out: Path) -> None:
        result = make_ensemble(out, {training.path: EnsembleMember(2, 1.5)})
        (out / RESULT_NAME).write_text(result.model_dump_json())

    return workspace.produce(VARIANTS_STAGE, {"candidates": {"tiny": training.key}, "variant": "ensemble"}, write)


def _train(views: Produced, out: Path) -> None:
    from data.views.tfrecords import read_part

    network = save_tiny_network(out / NETWORK_NAME)
    network.compile("adam", "sparse_categorical_crossentropy")
    network.optimizer.learning_rate = 0.05
    network.fit(read_part(views.path, "train", shuffle_seed=1), epochs=2, verbose=0)
    network.save(out / NETWORK_NAME, include_optimizer=False)
    frames = [predict_part(network, read_identified(views.path, part), part) for part in SCORED_PARTS]
    predictions = pd.concat(frames, ignore_index=True)
    predictions.to_parquet(out / PREDICTIONS_NAME, index=False)
    parts, calibration = measure_predictions(predictions, SEED_FORMAT.labels)
    result = VariantResult(
        name="tiny",
        description="a tiny network",
        status="trained",
        parts=parts,
        calibration=calibration,
        parameters_total=network.count_params(),
    )
    (out / RESULT_NAME).write_text(result.model_dump_json())
