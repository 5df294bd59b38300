"""What a finished training leaves: the saved network, its predictions and explanations, and its scores."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from data.base.data_format import DataFormat
from data.records.training import StudentCosts, VariantPlan, VariantResult
from data.system.hardware import peak_memory_bytes
from data.views.pictures import drop_gray_channel
from data.views.tfrecords import ViewsIndex, read_identified, read_part
from models.catalog.train_config import TrainConfig
from models.evaluation.metrics import measure_predictions
from models.evaluation.predictions import TARGET_COLUMN, probabilities_of
from models.jobs.checkpoint import TrainState
from models.jobs.files import (
    EXPLANATIONS_NAME,
    NETWORK_NAME,
    PREDICTIONS_NAME,
    SCORED_PARTS,
)
from models.jobs.plan import Plan
from models.jobs.specs import FitSpec
from models.networks.building_blocks import make_pixel_input
from models.networks.gradcam import average_heatmaps, compare_with_shuffled, explain_images, pick_examples
from models.networks.layers import FlipVote
from models.networks.load import load_builder
from models.networks.measure import measure_network
from models.training.batches import (
    EVALUATION_BATCH,
)
from models.training.predict import predict_part
from models.training.soft_labels import SoftLabelsRecord
from models.training.targets import Targets

AVERAGED_FACES = 16
"""Faces per class in the mean heatmaps. Each costs two passes forth and back, as much as four images of an epoch."""


def evaluate_variant(run_dir: Path, spec: FitSpec, plan: Plan, state: TrainState, model: keras.Model) -> VariantResult:
    """Save the network with its predictions and explanations, and describe the training and its scores."""
    network = extract_network(spec, model)
    model = vote_at_test_time(network, spec.train)
    data_format = read_format(spec)
    parts, calibration = measure_predictions(save_outputs(run_dir, spec, network, model), data_format.labels)
    result = VariantResult(
        name=spec.name,
        description=spec.description,
        status="trained",
        data_format=data_format,
        file_bytes=(run_dir / NETWORK_NAME).stat().st_size,
        wall_seconds=round(state.wall_seconds, 1),
        core_seconds=round(state.core_seconds, 1),
        peak_memory_bytes=max(state.peak_memory_bytes, peak_memory_bytes()),
        monitor=spec.train.monitor,
        best_epoch=state.best_epoch,
        stopped_because=state.stopped_because,
        epochs=state.history,
        parts=parts,
        calibration=calibration,
        **measure_network(network, model),
        plan=VariantPlan(**plan.model_dump()),
        train_config=applied_recipe(spec, plan).model_dump(),
    )
    return add_distillation_cost(result, SoftLabelsRecord.load(spec.soft_labels)) if spec.soft_labels else result


def save_outputs(run_dir: Path, spec: FitSpec, network: keras.Model, model: keras.Model) -> pd.DataFrame:
    """Save the network, its predictions of the parts that are not trained on, and its explanations.

    Args:
        run_dir: directory of the training.
        spec: specification of the training.
        network: the trained network, which is explained.
        model: the network with its average over copies of an image, which is saved and predicts.

    Returns:
        The predictions, in the form of `predict_part`.
    """
    model.save(run_dir / NETWORK_NAME)
    predictions = pd.concat(
        [
            predict_part(model, read_identified(spec.views, part, batch_size=EVALUATION_BATCH), part)
            for part in scored_parts(spec)
        ],
        ignore_index=True,
    )
    targets = Targets(spec.views, spec.train)
    if targets.of_votes:
        predictions[TARGET_COLUMN] = np.concatenate([targets.choices(part) for part in scored_parts(spec)])
    predictions.to_parquet(run_dir / PREDICTIONS_NAME, index=False)
    save_explanations(run_dir / EXPLANATIONS_NAME, spec, network, predictions)
    return predictions


def scored_parts(spec: FitSpec) -> list[str]:
    """Return the parts that are predicted: a data set may have no test split."""
    index = ViewsIndex.load(spec.views)
    return [part for part in SCORED_PARTS if index.count(part)]


def read_format(spec: FitSpec) -> DataFormat:
    """Return the format of the images that the variant is trained on."""
    return ViewsIndex.load(spec.views).data_format


def extract_network(spec: FitSpec, trained: keras.Model) -> keras.Model:
    """Build the trained network in float32, without optimizer, schedule and precision policy.

    Its file has half the size, loads with Keras and the layers of `models.networks.layers` alone, and gives the same
    probabilities on any machine.
    """
    weights = trained.get_weights()
    keras.mixed_precision.set_global_policy("float32")
    network = load_builder(spec.builder)(read_format(spec), spec.weights)
    network.set_weights(weights)
    return network


def vote_at_test_time(network: keras.Model, config: TrainConfig) -> keras.Model:
    """Wrap the network so that it averages over copies of an image, if the recipe asks for it."""
    if not config.test_time_flip:
        return network
    pixels, vote = (
        make_pixel_input(network.input_shape[1:]),
        FlipVote(network, config.test_time_shift_pixels, name="flip_vote"),
    )
    return keras.Model(pixels, vote(pixels), name=network.name)


def applied_recipe(spec: FitSpec, plan: Plan) -> TrainConfig:
    """Return the recipe as applied: no flip and shift for features, and a teacher's share only for a student."""
    on_features = {"flip": False, "shift_pixels": 0} if plan.feature_views else {}
    without_teacher = {} if spec.soft_labels else {"teacher_share": 0.0}
    return spec.train.model_copy(update=on_features | without_teacher)


def add_distillation_cost(result: VariantResult, labels: SoftLabelsRecord) -> VariantResult:
    """Add the cost of the teacher and of its soft labels to a student's result; the plan keeps the student's part."""
    cores = labels.teacher_core_seconds + labels.core_seconds
    wall = labels.teacher_wall_seconds + labels.wall_seconds
    own_cores, own_wall = result.core_seconds, result.wall_seconds
    taught = StudentCosts(**labels.model_dump(), own_core_seconds=own_cores, own_wall_seconds=own_wall)
    return result.model_copy(
        update={
            "core_seconds": round(result.core_seconds + cores, 1),
            "wall_seconds": round(result.wall_seconds + wall, 1),
            "peak_memory_bytes": max(result.peak_memory_bytes, labels.peak_memory_bytes),
            "plan": result.plan.model_copy(update={"taught": taught}),
        }
    )


def save_explanations(path: Path, spec: FitSpec, model: keras.Model, predictions: pd.DataFrame) -> None:
    """Write Grad-CAM maps of one validation face per class; all variants of a run explain the same faces.

    The file also contains the mean maps of more faces of each class, and their correlation with the maps of the same
    network with shuffled weights.
    """
    validation = predictions[predictions["part"] == "validation"].reset_index(drop=True)
    labels, classes = validation["label"].to_numpy(), len(read_format(spec).labels)
    chosen, many = pick_examples(labels, spec.seed), pick_examples(labels, spec.seed, AVERAGED_FACES)
    batches = read_part(spec.views, "validation", batch_size=EVALUATION_BATCH)
    pixels = np.concatenate([np.asarray(batch) for batch, _ in batches])
    images, heatmaps = pixels[chosen], explain_images(model, pixels[many])
    np.savez_compressed(
        path,
        images=drop_gray_channel(images),
        heatmaps=heatmaps[np.isin(many, chosen)],  # the one face of a class is among its many
        labels=labels[chosen],
        probabilities=probabilities_of(validation)[chosen],
        image_ids=validation["image_id"].to_numpy(str)[chosen],
        mean_heatmaps=average_heatmaps(heatmaps, labels[many], classes),
        averaged_faces=np.bincount(labels[many], minlength=classes),
        shuffled_correlations=compare_with_shuffled(model, pixels[many], heatmaps, spec.seed),
    )
