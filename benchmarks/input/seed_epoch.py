"""Cost of one epoch of the notebook's best network, with its own recipe and loader.

`python -m benchmarks.input.seed_epoch IMAGES` prints the seconds and core-seconds of the epoch as JSON, without imports
and without building the network.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import keras

from benchmarks.input.rates import read_by_generator
from data.base.data_format import SEED_FORMAT
from models.catalog.presets import PRESETS
from models.catalog.variants import find_variant
from models.networks.load import load_builder
from models.training.optimizer import compile_model

NETWORK = "cnn_3"


def main() -> None:
    """Run the command."""
    recipe = PRESETS["seed"].recipe(NETWORK, 0)
    keras.utils.set_random_seed(42)
    batches: Any = read_by_generator(Path(sys.argv[1]) / "train", recipe.batch_size)
    model = load_builder(find_variant(NETWORK).builder)(len(SEED_FORMAT.labels), None)
    compile_model(model, recipe, total_steps=len(batches))
    wall, cores = time.monotonic(), time.process_time()
    model.fit(Unscaled(batches), epochs=1, verbose=0, shuffle=False)  # type: ignore[arg-type]
    print(json.dumps({"seconds": time.monotonic() - wall, "core_seconds": time.process_time() - cores}))


class Unscaled(keras.utils.PyDataset):
    """Batches of ImageDataGenerator with pixels in 0..255, as the project's networks need; the notebook used 0..1."""

    def __init__(self, batches: Any) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        """Return a batch."""
        images, labels = self.batches[index]
        return images * 255, labels


if __name__ == "__main__":
    main()
