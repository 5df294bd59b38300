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
import tensorflow as tf

from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.system.child_process import emit, run_child
from data.system.provenance import describe_making
from data.views.tfrecords import ViewsIndex
from data.workspace.atomic import write_atomically
from models.jobs.checkpoint import TrainState, remove_checkpoints
from models.jobs.events import Evaluating, Measuring, Planned, Started, TrainingDone
from models.jobs.files import (
    PLAN_NAME,
    RESULT_NAME,
    SPEC_NAME,
)
from models.jobs.plan import FeatureViews, Measurement, Plan, Precision, load_plan, make_feature_plan, make_plan
from models.jobs.specs import FitSpec
from models.networks.load import load_builder
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
from models.training.outputs import evaluate_variant, read_format
from models.training.runtime import ignore_keras_settings, use_threads
from models.training.timing import MEASURED_STEPS, measure_steps
from models.training.trainer import Trainer


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
    emit(Planned(**plan.model_dump(), **few, monitor=spec.train.monitor, target=spec.train.target))
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
    monitored = labelled_batches(feature_batches(some, order, EVALUATION_BATCH), spec)
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
    return load_builder(spec.builder)(read_format(spec), spec.weights)


if __name__ == "__main__":
    run_child(main)
