"""Score a trained model: probabilities for every image of a part, kept as Parquet."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.base.labels import CLASSES
from data.system.child_process import emit

PREDICTIONS_NAME = "predictions.parquet"
PROBABILITY_COLUMNS = [f"probability_{label}" for label in range(len(CLASSES))]

SIGN_OF_LIFE_SECONDS = 60.0
"""How often a long prediction says that it goes on: the parent takes half an hour of silence for a hang."""


def predict_part(model: Any, batches: Iterable[tuple[Any, Any, Any]], part: str) -> pd.DataFrame:
    """Predict one part, with the event `predicting` once in a while.

    Args:
        model: a Keras model from (batch, 48, 48, 1) pixels 0..255 to (batch, classes) probabilities.
        batches: of (images uint8, labels int, image ids bytes).
        part: name of the part, kept in the column `part`.

    Returns:
        One row an image in the order of the batches: image_id, part, label, probability_0 ... probability_3.
    """
    frames: list[pd.DataFrame] = []
    told = time.monotonic()
    for images, labels, image_ids in batches:
        frame = pd.DataFrame(np.asarray(model.predict_on_batch(images)), columns=PROBABILITY_COLUMNS)
        frame.insert(0, "image_id", [image_id.decode() for image_id in np.asarray(image_ids)])
        frame.insert(1, "part", part)
        frame.insert(2, "label", np.asarray(labels).astype(np.int64))
        frames.append(frame)
        if time.monotonic() - told >= SIGN_OF_LIFE_SECONDS:
            told = time.monotonic()
            emit("predicting", part=part, batches=len(frames))
    return pd.concat(frames, ignore_index=True)


def read_predictions(directory: Path, part: str) -> pd.DataFrame:
    """Return the stored predictions of one part, sorted by image id so that variants line up."""
    frame = pd.read_parquet(directory / PREDICTIONS_NAME, filters=[("part", "==", part)])
    return frame.sort_values("image_id", ignore_index=True)


def probabilities_of(frame: pd.DataFrame) -> np.ndarray:
    """Return the (n, classes) float32 probabilities of a frame of predictions."""
    return frame[PROBABILITY_COLUMNS].to_numpy(np.float32)


def correctness_of(frame: pd.DataFrame) -> np.ndarray:
    """Return (n,) booleans: whether the most probable class is the label."""
    return probabilities_of(frame).argmax(axis=1) == frame["label"].to_numpy()
