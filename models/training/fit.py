"""Child command that trains and evaluates one variant: `python -m models.training.fit RUN_DIR`.

RUN_DIR/spec.json says what to do. The command resumes after the last finished epoch in RUN_DIR, prints its events as
JSON lines, and writes model.keras, predictions.parquet, explanations.npz, plan.json and result.json.
"""

import math
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from data.base.errors import PipelineError
from data.base.labels import CLASSES
from data.records.training import StudentCosts, VariantPlan, VariantResult
from data.system.child_process import emit, run_child
from data.system.hardware import peak_memory_bytes
from data.system.provenance import describe_making
from data.views.tfrecords import ViewsIndex, read_identified, read_part
from data.workspace.atomic import write_atomically
from models.catalog.train_config import TrainConfig
from models.evaluation.metrics import measure_predictions
from models.evaluation.predictions import probabilities_of
from models.jobs.checkpoint import TrainState, remove_checkpoints
from models.jobs.events import Evaluating, Measuring, Planned, Started, TrainingDone
from models.jobs.files import (
    EXPLANATIONS_NAME,
    NETWORK_NAME,
    PLAN_NAME,
    PREDICTIONS_NAME,
    RESULT_NAME,
    SCORED_PARTS,
    SPEC_NAME,
)
from models.jobs.plan import FeatureViews, Measurement, Plan, Precision, load_plan, make_feature_plan, make_plan
from models.jobs.specs import FitSpec
from models.networks.building_blocks import make_pixel_input
from models.networks.gradcam import average_heatmaps, compare_with_shuffled, explain_images, pick_examples
from models.networks.layers import FlipVote
from models.networks.load import load_builder
from models.networks.measure import measure_network
from models.training.batches import (
    EVALUATION_BATCH,
    FeatureBatches,
    PixelBatches,
    feature_batches,
    finish_batches,
    labelled_batches,
    usable_views,
)
from models.training.features import FeatureStore, split_frozen
from models.training.finetuning import TunedBackbone
from models.training.optimizer import compile_model
from models.training.predict import predict_part
from models.training.runtime import ignore_keras_settings, use_threads
from models.training.soft_labels import SoftLabelsRecord
from models.training.timing import MEASURED_STEPS, measure_steps
from models.training.trainer import Trainer

AVERAGED_FACES = 16
"""Faces per class in the mean heatmaps. Each costs two passes forth and back, as much as four images of an epoch."""


def main() -> None:
    """Run the command on the directory named in the arguments."""
    started = time.monotonic()
    run_dir = Path(sys.argv[1])
    spec = FitSpec.model_validate_json((run_dir / SPEC_NAME).read_bytes())
    configure_runtime(spec)
    emit(Started(threads=spec.threads))
    result = load_result(run_dir) or make_result(run_dir, spec, started)
    remove_checkpoints(run_dir)
    emit(TrainingDone(accuracy=result.parts["validation"].accuracy))


def load_result(run_dir: Path) -> VariantResult | None:
    """Return the result of an earlier start that finished after its parent had ended, or None."""
    path = run_dir / RESULT_NAME
    return VariantResult.model_validate_json(path.read_bytes()) if path.exists() else None


def make_result(run_dir: Path, spec: FitSpec, started: float) -> VariantResult:
    """Train and evaluate the variant; the result is written last, so if it exists all other files are complete."""
    made_with = describe_making()  # at the start, because the checkout may change during the training
    model, plan, state = train_variant(run_dir, spec, started)
    emit(Evaluating(epoch=state.best_epoch))
    result = evaluate_variant(run_dir, spec, plan, state, model).model_copy(update={"made_with": made_with})
    write_atomically(run_dir / RESULT_NAME, result.model_dump_json(indent=1))
    return result


def configure_runtime(spec: FitSpec) -> None:
    """Set the number of threads and the determinism of operations; call it before the first operation runs."""
    ignore_keras_settings()
    use_threads(spec.threads)
    if spec.train.deterministic:
        tf.config.experimental.enable_op_determinism()


def train_variant(run_dir: Path, spec: FitSpec, started: float) -> tuple[keras.Model, Plan, TrainState]:
    """Build, plan and train the variant; the returned model has the weights of its best epoch."""
    plan = load_plan(run_dir)
    if plan is None:
        plan = plan_training(spec)
        write_atomically(run_dir / PLAN_NAME, plan.model_dump_json(indent=1))
    least = min(spec.train.least_epochs, spec.train.epochs)
    few = {"least_epochs": least, "least_seconds": plan.budget_for(least)} if plan.epochs < least else {}
    emit(Planned(**plan.model_dump(), **few, monitor=spec.train.monitor))
    model = build_model(spec, plan.precision)
    trained: keras.Model = model
    read = spec.model_copy(update={"views": spec.short_views}) if plan.short_views else spec
    batches: PixelBatches | FeatureBatches = PixelBatches(read)
    if plan.feature_views:
        store, trained = open_features(spec, model)
        batches = FeatureBatches(spec, store, plan.feature_views)
    state = Trainer(trained, spec.train, plan, run_dir, batches.training, batches.monitored).run(started)
    return model, plan, state


def plan_training(spec: FitSpec) -> Plan:
    """Plan the training on stored features if the backbone is frozen and the time allows it, else on pixels."""
    index = ViewsIndex.load(spec.views)
    images, monitored = index.count("train"), index.count(spec.train.monitor)
    evaluated = math.ceil(monitored / EVALUATION_BATCH)
    network = build_model(spec, "float32")
    head_first = bool(TunedBackbone(network)) and spec.train.head_fraction > 0

    def measure_pixels(precision: Precision) -> Measurement:
        emit(Measuring(precision=precision))
        model, batches = build_model(spec, precision), PixelBatches(spec)
        return measure_on_pixels(spec, model, batches, head_first, evaluated)

    def measure_features(precision: Precision) -> Measurement:
        emit(Measuring(precision=precision))
        store, head = open_features(spec, build_model(spec, precision))
        return measure_on_features(spec, store, head, images, evaluated)

    kept = find_features(spec, network, monitored / images) if images else None
    if kept:
        return make_feature_plan(spec, images, kept, measure_features)
    return make_plan(spec, images, measure_pixels, head_first)


def measure_on_pixels(
    spec: FitSpec, model: keras.Model, batches: PixelBatches, head_first: bool, evaluated: int
) -> Measurement:
    """Time steps on pixels.

    Args:
        spec: specification of the training.
        model: not compiled.
        batches: pixels of the training.
        head_first: whether the head is trained alone before the backbone is fine-tuned; then both are timed.
        evaluated: batches of one evaluation.
    """
    tuned, seconds = TunedBackbone(model), {}
    for trained in (False, True) if head_first else (True,):
        tuned.train(trained)
        compile_model(model, spec.train, MEASURED_STEPS)
        seconds[trained] = measure_steps(model, batches.training(0)[0], batches.monitored, evaluated)
    return seconds[True]._replace(head_step_seconds=seconds[False].step_seconds if head_first else 0.0)


def measure_on_features(
    spec: FitSpec, store: FeatureStore, head: keras.Model, images: int, evaluated: int
) -> Measurement:
    """Time steps of the head on features of a few images, and the pass of all images through the backbone.

    Args:
        spec: specification of the training.
        store: computes the features.
        head: network on features, not compiled.
        images: images of the train part.
        evaluated: batches of one evaluation.
    """
    compile_model(head, spec.train, MEASURED_STEPS)
    some, image_seconds = store.sample()
    order = np.arange(len(some.labels))
    training = finish_batches(feature_batches(some, order, spec.train.batch_size), spec, 0, None)
    monitored = labelled_batches(feature_batches(some, order, EVALUATION_BATCH), spec.threads)
    return measure_steps(head, training, monitored, evaluated)._replace(pass_seconds=image_seconds * images)


def find_features(spec: FitSpec, network: keras.Model, monitored_share: float) -> FeatureViews | None:
    """Return how many views have stored features, or None if this network or its recipe stores none."""
    if spec.features is None or not spec.train.cache_features or split_frozen(network) is None:
        return None
    store, _ = open_features(spec, network)
    views = usable_views(spec)
    prepared = next((view for view in range(views) if not store.has("train", view)), views)
    return FeatureViews(views, prepared, 0.0 if store.has(spec.train.monitor) else monitored_share)


def open_features(spec: FitSpec, model: keras.Model) -> tuple[FeatureStore, keras.Model]:
    """Return the store of the frozen backbone's features, and the head to train on them.

    Raises:
        PipelineError: there is no frozen backbone, although the plan of an earlier start had one, or no workspace.
    """
    network = split_frozen(model)
    if network is None or spec.features is None:
        raise PipelineError(
            f"got a plan on stored features for {spec.name}, expected a network with a frozen backbone and a workspace "
            f"in {SPEC_NAME}: run again with --force"
        )
    return FeatureStore(spec.features, spec.views, network.extractor), network.head


def build_model(spec: FitSpec, precision: Precision) -> keras.Model:
    """Build the variant in a precision; equal seeds give equal weights."""
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy(precision)
    keras.utils.set_random_seed(spec.seed)
    return load_builder(spec.builder)(len(CLASSES), spec.weights)


def extract_network(spec: FitSpec, trained: keras.Model) -> keras.Model:
    """Build the trained network in float32, without optimizer, schedule and precision policy.

    Its file has half the size, loads with Keras and the layers of `models.networks.layers` alone, and gives the same
    probabilities on any machine.
    """
    weights = trained.get_weights()
    keras.mixed_precision.set_global_policy("float32")
    network = load_builder(spec.builder)(len(CLASSES), spec.weights)
    network.set_weights(weights)
    return network


def vote_at_test_time(network: keras.Model, config: TrainConfig) -> keras.Model:
    """Wrap the network so that it averages over copies of an image, if the recipe asks for it."""
    if not config.test_time_flip:
        return network
    pixels, vote = make_pixel_input(), FlipVote(network, config.test_time_shift_pixels, name="flip_vote")
    return keras.Model(pixels, vote(pixels), name=network.name)


def evaluate_variant(run_dir: Path, spec: FitSpec, plan: Plan, state: TrainState, model: keras.Model) -> VariantResult:
    """Save the network with its predictions and explanations, and describe the training and its scores."""
    network = extract_network(spec, model)
    model = vote_at_test_time(network, spec.train)
    parts, calibration = measure_predictions(save_outputs(run_dir, spec, network, model))
    result = VariantResult(
        name=spec.name,
        description=spec.description,
        status="trained",
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
            for part in SCORED_PARTS
        ],
        ignore_index=True,
    )
    predictions.to_parquet(run_dir / PREDICTIONS_NAME, index=False)
    save_explanations(run_dir / EXPLANATIONS_NAME, spec, network, predictions)
    return predictions


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
    labels = validation["label"].to_numpy()
    chosen, many = pick_examples(labels, spec.seed), pick_examples(labels, spec.seed, AVERAGED_FACES)
    batches = read_part(spec.views, "validation", batch_size=EVALUATION_BATCH)
    pixels = np.concatenate([np.asarray(batch) for batch, _ in batches])
    images, heatmaps = pixels[chosen], explain_images(model, pixels[many])
    np.savez_compressed(
        path,
        images=images[..., 0],
        heatmaps=heatmaps[np.isin(many, chosen)],  # the one face of a class is among its many
        labels=labels[chosen],
        probabilities=probabilities_of(validation)[chosen],
        image_ids=validation["image_id"].to_numpy(str)[chosen],
        mean_heatmaps=average_heatmaps(heatmaps, labels[many], len(CLASSES)),
        averaged_faces=np.bincount(labels[many], minlength=len(CLASSES)),
        shuffled_correlations=compare_with_shuffled(model, pixels[many], heatmaps, spec.seed),
    )


if __name__ == "__main__":
    run_child(main)
