"""Cost of reading the input in a training step: `python -m benchmarks.input.share VIEWS`.

It prints one line of JSON per repeat: the core-seconds of reading a batch as training does, without a step, and the
core-seconds of a step of `compact` on batches in memory. It measures core-seconds instead of time, because reading runs
in parallel to the step and uses the same cores. It measures both separately, because the difference between two whole
trainings is smaller than their noise.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from data.base.data_format import SEED_FORMAT
from data.system.hardware import has_bfloat16, usable_cores
from data.views.tfrecords import Jitter, read_part
from models.catalog.presets import PRESETS
from models.catalog.variants import find_variant
from models.networks.load import load_builder
from models.training.batches import labelled_batches
from models.training.optimizer import compile_model

NETWORK = "compact"
STEPS = 200
REPEATS = 3


def main() -> None:
    """Run the command."""
    views = Path(sys.argv[1])
    recipe = PRESETS["quick"].recipe(NETWORK, 0)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if has_bfloat16() else "float32")
    model = load_builder(find_variant(NETWORK).builder)(len(SEED_FORMAT.labels), None)
    compile_model(model, recipe, total_steps=10 * STEPS)

    def read() -> Any:
        jitter = Jitter(flip=recipe.flip, shift_pixels=recipe.shift_pixels)
        batches = read_part(views, "train", batch_size=recipe.batch_size, shuffle_seed=1, jitter=jitter)
        return labelled_batches(batches, usable_cores()).take(STEPS)

    kept = read().cache()
    drain(kept)
    train(model, kept)  # traces the step
    for _ in range(REPEATS):
        print(
            json.dumps(
                {
                    "read": core_seconds_a_batch(lambda: drain(read())),
                    "step": core_seconds_a_batch(lambda: train(model, kept)),
                }
            ),
            flush=True,
        )


def core_seconds_a_batch(work: Callable[[], None]) -> float:
    """Measure the core-seconds per batch of work on STEPS batches."""
    cores = time.process_time()
    work()
    return (time.process_time() - cores) / STEPS


def drain(batches: Any) -> None:
    """Read all batches and do nothing with them."""
    for _ in batches:
        pass


def train(model: keras.Model, batches: Any) -> None:
    """Train on the batches once."""
    model.fit(batches, shuffle=False, verbose=0)  # type: ignore[arg-type]  # an int for Keras, annotated as str


if __name__ == "__main__":
    main()
