"""Train and evaluate one variant: the child command `python -m models.fit RUN_DIR`.

RUN_DIR/spec.json says what to do. The command resumes at the last finished epoch it finds there, prints its events as
JSON lines, and leaves model.keras, predictions.parquet, explanations.npz, plan.json and result.json.
"""

import math
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from data.child import emit, run_child
from data.classes import CLASSES
from data.hardware import peak_memory_bytes
from data.lineage import describe_making
from data.records import VariantResult
from data.tfrecord import Jitter, ViewsIndex, read_identified, read_part
from data.workspace import write_atomically
from models.checkpoint import TrainState, remove_checkpoints
from models.config import FitSpec
from models.cost import count_multiply_adds, measure_latency
from models.explain import explain_images, pick_examples, summarize_layers
from models.layers import FlipVote, make_pixel_input
from models.metrics import measure_predictions
from models.plan import PLAN_NAME, Measurement, Plan, Precision, load_plan, make_plan
from models.score import PREDICTIONS_NAME, predict_part, probabilities_of
from models.trainer import MEASURED_STEPS, Trainer, compile_model, measure_steps
from models.variants import load_builder

SPEC_NAME = "spec.json"
RESULT_NAME = "result.json"
MODEL_NAME = "model.keras"
EXPLANATIONS_NAME = "explanations.npz"
EVALUATION_BATCH = 256
SCORED_PARTS = ("selection", "validation", "test")


def main() -> None:
    """Run the command on the directory named in the arguments."""
    started = time.monotonic()
    run_dir = Path(sys.argv[1])
    spec = FitSpec.model_validate_json((run_dir / SPEC_NAME).read_text())
    configure_runtime(spec)
    emit("started", pid=os.getpid(), threads=spec.threads)
    result = load_result(run_dir) or make_result(run_dir, spec, started)
    remove_checkpoints(run_dir)
    emit("done", accuracy=result.parts["validation"].accuracy)


def load_result(run_dir: Path) -> VariantResult | None:
    """Return the result of an earlier start whose parent was gone before it took the directory, or None."""
    path = run_dir / RESULT_NAME
    return VariantResult.model_validate_json(path.read_text()) if path.exists() else None


def make_result(run_dir: Path, spec: FitSpec, started: float) -> VariantResult:
    """Train and evaluate the variant; its result is written last, so where it is all the other files are whole."""
    made_with = describe_making()  # now: the checkout may be another one when the training ends
    model, plan, state = train_variant(run_dir, spec, started)
    emit("evaluating", epoch=state.best_epoch)
    result = evaluate_variant(run_dir, spec, plan, state, model).model_copy(update={"made_with": made_with})
    write_atomically(run_dir / RESULT_NAME, result.model_dump_json(indent=1))
    return result


def configure_runtime(spec: FitSpec) -> None:
    """Set the threads, and whether operations are deterministic, before the first operation runs."""
    tf.config.threading.set_intra_op_parallelism_threads(spec.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if spec.train.deterministic:
        tf.config.experimental.enable_op_determinism()


def train_variant(run_dir: Path, spec: FitSpec, started: float) -> tuple[keras.Model, Plan, TrainState]:
    """Build, plan and train the variant; the model comes back with the weights of its best epoch."""
    config, index = spec.train, ViewsIndex.load(spec.views)
    monitored = labelled_batches(read_part(spec.views, config.monitor, batch_size=EVALUATION_BATCH), spec.threads)

    def training(epoch: int) -> tuple[tf.data.Dataset, int]:
        view = epoch % index.views
        batches = read_part(
            spec.views,
            "train",
            view=view,
            batch_size=config.batch_size,
            shuffle_seed=spec.seed + epoch,
            jitter=Jitter(flip=config.flip, shift_pixels=config.shift_pixels),
        )
        labelled = labelled_batches(batches, spec.threads)
        return (mix_batches(labelled, config.mixup, spec.seed + epoch) if config.mixup else labelled), view

    def measure(precision: Precision) -> Measurement:
        emit("measuring", precision=precision)
        model = build_model(spec, precision, MEASURED_STEPS)
        evaluation_batches = math.ceil(index.count(config.monitor) / EVALUATION_BATCH)
        return measure_steps(model, training(0)[0], monitored, evaluation_batches)

    plan = load_plan(run_dir)
    if plan is None:
        plan = make_plan(spec, index.count("train"), measure, started)
        write_atomically(run_dir / PLAN_NAME, plan.model_dump_json(indent=1))
    emit("planned", **plan.model_dump())
    model = build_model(spec, plan.precision, plan.total_steps)
    state = Trainer(model, config, plan, run_dir, training, monitored).run(started)
    return model, plan, state


def build_model(spec: FitSpec, precision: Precision, total_steps: int) -> keras.Model:
    """Build and compile the variant in a precision; the same seed gives the same weights every time."""
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy(precision)
    keras.utils.set_random_seed(spec.seed)
    model = load_builder(spec.builder)(len(CLASSES), spec.weights)
    compile_model(model, spec.train, total_steps)
    return model


def extract_network(spec: FitSpec, trained: keras.Model) -> keras.Model:
    """Return the network alone in float32, whatever it was trained in: no optimizer, no schedule, no precision policy.

    So the file is half the size, loads with Keras and the layers of `models.layers`, and runs alike on any machine.
    """
    weights = trained.get_weights()
    keras.mixed_precision.set_global_policy("float32")
    network = load_builder(spec.builder)(len(CLASSES), spec.weights)
    network.set_weights(weights)
    return network


def vote_with_mirror(network: keras.Model) -> keras.Model:
    """Return the network that answers with the mean over an image and its mirror image."""
    pixels = make_pixel_input()
    return keras.Model(pixels, FlipVote(network, name="flip_vote")(pixels), name=network.name)


def labelled_batches(batches: tf.data.Dataset, threads: int) -> tf.data.Dataset:
    """Turn label indices into the one-hot rows that the smoothed loss takes, on the training's own threads."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return batches.map(lambda images, labels: (images, tf.one_hot(labels, len(CLASSES)))).with_options(options)


def mix_batches(batches: tf.data.Dataset, strength: float, seed: int) -> tf.data.Dataset:
    """Mix each image and its one-hot label with the next of the batch, by shares from Beta(strength, strength).

    Args:
        batches: of images (b, 48, 48, 1), 0..255, and one-hot labels (b, classes), in shuffled order.
        strength: above 0; the smaller, the more often one of the two keeps nearly all.
        seed: gives the shares, so take another one each epoch.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".
    """

    def mix(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.cast(batch[0], tf.float32), batch[1]
        # A share of Beta is one of two gamma numbers over their sum. The jitter's seeds are not negative.
        seeds = tf.stack([tf.constant(-1 - seed, tf.int64), step])
        draws = tf.random.stateless_gamma([2, tf.shape(labels)[0]], seeds, tf.constant(strength))
        share = tf.maximum(draws[0], 1e-9) / tf.maximum(draws[0] + draws[1], 2e-9)
        of_images, of_labels = share[:, None, None, None], share[:, None]
        return (
            of_images * images + (1 - of_images) * tf.roll(images, 1, axis=0),
            of_labels * labels + (1 - of_labels) * tf.roll(labels, 1, axis=0),
        )

    return batches.enumerate().map(mix)


def evaluate_variant(run_dir: Path, spec: FitSpec, plan: Plan, state: TrainState, model: keras.Model) -> VariantResult:
    """Save the network, score what was saved on the parts that are not trained on, and explain one face a class."""
    network = extract_network(spec, model)
    model = vote_with_mirror(network) if spec.train.test_time_flip else network
    model.save(run_dir / MODEL_NAME)
    predictions = pd.concat(
        [
            predict_part(model, read_identified(spec.views, part, batch_size=EVALUATION_BATCH), part)
            for part in SCORED_PARTS
        ],
        ignore_index=True,
    )
    predictions.to_parquet(run_dir / PREDICTIONS_NAME, index=False)
    save_explanations(run_dir / EXPLANATIONS_NAME, spec, network, predictions)
    parts, calibration = measure_predictions(predictions)
    return VariantResult(
        name=spec.name,
        description=spec.description,
        status="trained",
        parameters_total=model.count_params(),
        parameters_trainable=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        file_bytes=(run_dir / MODEL_NAME).stat().st_size,
        wall_seconds=round(state.wall_seconds, 1),
        core_seconds=round(state.core_seconds, 1),
        peak_memory_bytes=max(state.peak_memory_bytes, peak_memory_bytes()),
        monitor=spec.train.monitor,
        best_epoch=state.best_epoch,
        stopped_because=state.stopped_because,
        epochs=state.history,
        parts=parts,
        calibration=calibration,
        multiply_adds=count_multiply_adds(model),
        latency=measure_latency(model),
        layers=tuple(summarize_layers(network)),
        plan=plan.model_dump(),
        train_config=spec.train.model_dump(),
    )


def save_explanations(path: Path, spec: FitSpec, model: keras.Model, predictions: pd.DataFrame) -> None:
    """Write Grad-CAM maps of one validation face a class, the same faces for every variant of a run."""
    validation = predictions[predictions["part"] == "validation"].reset_index(drop=True)
    chosen = pick_examples(validation["label"].to_numpy(), spec.seed)
    batches = read_part(spec.views, "validation", batch_size=EVALUATION_BATCH)
    images = np.concatenate([np.asarray(pixels) for pixels, _ in batches])[chosen]
    np.savez_compressed(
        path,
        images=images[..., 0],
        heatmaps=explain_images(model, images),
        labels=validation["label"].to_numpy()[chosen],
        probabilities=probabilities_of(validation)[chosen],
        image_ids=validation["image_id"].to_numpy(str)[chosen],
    )


if __name__ == "__main__":
    run_child(main)
