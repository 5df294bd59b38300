"""What reading costs in a training step: `python -m benchmarks.input_share VIEWS`.

Prints a line of JSON a repeat: core-seconds of a step of `compact` on batches as training reads them, and on the same
batches kept in memory. Core-seconds rather than time, because reading runs beside the step and takes its cores.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import keras

from data.classes import CLASSES
from data.hardware import has_bfloat16, usable_cores
from data.tfrecord import Jitter, read_part
from models.fit import labelled_batches
from models.presets import PRESETS
from models.trainer import compile_model
from models.variants import find_variant, load_builder

NETWORK = "compact"
STEPS = 200
REPEATS = 3


def main() -> None:
    """Run the command."""
    views = Path(sys.argv[1])
    recipe = PRESETS["quick"].recipe(NETWORK, 0)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if has_bfloat16() else "float32")
    model = load_builder(find_variant(NETWORK).builder)(len(CLASSES), None)
    compile_model(model, recipe, total_steps=10 * STEPS)

    def read() -> Any:
        jitter = Jitter(flip=recipe.flip, shift_pixels=recipe.shift_pixels)
        batches = read_part(views, "train", batch_size=recipe.batch_size, shuffle_seed=1, jitter=jitter)
        return labelled_batches(batches, usable_cores()).take(STEPS)

    kept = read().cache()
    for _ in kept:
        pass
    core_seconds_a_step(model, kept)  # traces the step
    for _ in range(REPEATS):
        steps = {"read": core_seconds_a_step(model, read()), "kept": core_seconds_a_step(model, kept)}
        print(json.dumps(steps), flush=True)


def core_seconds_a_step(model: keras.Model, batches: Any) -> float:
    """Train on the batches once."""
    cores = time.process_time()
    model.fit(batches, shuffle=False, verbose=0)  # type: ignore[arg-type]  # an int for Keras, annotated as str
    return (time.process_time() - cores) / STEPS


if __name__ == "__main__":
    main()
