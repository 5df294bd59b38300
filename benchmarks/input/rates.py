"""Images per second of three methods to read augmented training images.

`python -m benchmarks.input.rates VIEWS IMAGES` compares the project's views with jitter, Keras' ImageDataGenerator with
the notebook's recipe, and Keras' image_dataset_from_directory with augmentation layers that do the same. It prints one
line of JSON per repeat. Every repeat runs all three methods, one after the other, so that a slow moment of the machine
affects all of them. Datasets are read inside a graph, as Keras' `fit` reads them: passing a batch to Python costs
0.2 ms, whatever was done to its images.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.base.data_format import SEED_FORMAT
from data.views.augment import SEED_AUGMENT
from data.views.tfrecords import Jitter, ViewsIndex, read_part

REPEATS = 3
BATCH_IMAGES = 64
PULLED_BATCHES = 50
WARMUP_COUNTS = 5
SECONDS = 10.0
NOISE_DEVIATION = (SEED_AUGMENT.noise_variance_high / 2) ** 0.5


def main() -> None:
    """Run the command."""
    views, images = Path(sys.argv[1]), Path(sys.argv[2]) / "train"
    for repeat in range(REPEATS):
        rates = {
            "views": rate_of(read_views(views, repeat)),
            "generator": rate_of(read_by_generator(images, BATCH_IMAGES)),
            "layers": rate_of(read_by_layers(images)),
        }
        print(json.dumps(rates), flush=True)


def rate_of(batches: Iterable[Any]) -> float:
    """Measure the images per second of an endless series of batches, without the first batches."""
    counts = count_images(batches)
    for _ in range(WARMUP_COUNTS):
        next(counts)
    started, images = time.monotonic(), 0
    while time.monotonic() - started < SECONDS:
        images += next(counts)
    return images / (time.monotonic() - started)


def count_images(batches: Iterable[Any]) -> Iterator[int]:
    """Read an endless series of batches and yield their numbers of images; read a dataset several batches at a time."""
    endless = iter(batches)

    @tf.function
    def pull() -> tf.Tensor:
        images = tf.constant(0)
        for _ in tf.range(PULLED_BATCHES):
            images += tf.shape(next(endless)[0])[0]
        return images

    while True:
        yield int(pull()) if isinstance(batches, tf.data.Dataset) else len(next(endless)[0])


def read_views(views: Path, seed: int) -> Iterable[Any]:
    """Return the batches of all epochs in order; each epoch is read as in `models.training.fit`."""
    jitter = Jitter(flip=True, shift_pixels=2)
    first, *others = (
        read_part(views, "train", view=view, batch_size=BATCH_IMAGES, shuffle_seed=seed + view, jitter=jitter)
        for view in range(ViewsIndex.load(views).views)
    )
    for other in others:
        first = first.concatenate(other)
    return first.repeat()


def read_by_generator(images: Path, batch_images: int) -> Any:
    """Return ImageDataGenerator's endless batches with the notebook's recipe; its preprocessing function adds noise."""
    rng = np.random.default_rng(42)

    def add_noise(image: np.ndarray) -> np.ndarray:
        variance = rng.uniform(SEED_AUGMENT.noise_variance_low, SEED_AUGMENT.noise_variance_high)
        return np.clip(image + rng.normal(0, variance**0.5, image.shape), 0, 255)

    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rescale=1 / 255,
        horizontal_flip=True,
        width_shift_range=SEED_AUGMENT.width_shift,
        height_shift_range=SEED_AUGMENT.height_shift,
        brightness_range=(SEED_AUGMENT.brightness_low, SEED_AUGMENT.brightness_high),
        preprocessing_function=add_noise,
    )
    return generator.flow_from_directory(
        str(images),
        target_size=(SEED_FORMAT.height, SEED_FORMAT.height),
        color_mode="grayscale",
        classes=list(SEED_FORMAT.labels),
        batch_size=batch_images,
        seed=42,
    )


def read_by_layers(images: Path) -> Iterable[Any]:
    """Return the endless batches of image_dataset_from_directory with augmentation layers, as in Keras' guides."""
    augment = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 255),
            keras.layers.RandomFlip("horizontal", seed=1),
            keras.layers.RandomTranslation(
                SEED_AUGMENT.height_shift, SEED_AUGMENT.width_shift, fill_mode="nearest", seed=2
            ),
            keras.layers.RandomBrightness((SEED_AUGMENT.brightness_low - 1, 0.0), value_range=(0, 1), seed=3),
            keras.layers.GaussianNoise(NOISE_DEVIATION / 255, seed=4),
        ]
    )
    dataset = keras.utils.image_dataset_from_directory(
        str(images),
        class_names=list(SEED_FORMAT.labels),
        color_mode="grayscale",
        batch_size=BATCH_IMAGES,
        image_size=(SEED_FORMAT.height, SEED_FORMAT.height),
        seed=42,
        verbose=False,
    )
    augmented = dataset.map(lambda pixels, labels: (augment(pixels, training=True), labels), tf.data.AUTOTUNE)
    return augmented.prefetch(tf.data.AUTOTUNE).repeat()


if __name__ == "__main__":
    main()
