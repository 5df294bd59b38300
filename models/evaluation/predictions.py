"""Stored predictions of a trained model: the probabilities of every image of a part, as Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd

from models.jobs.files import PREDICTIONS_NAME

PROBABILITY_PREFIX = "probability_"

TARGET_COLUMN = "target_label"
"""Column of the predictions of a training on votes: the class that most people chose, which its temperature follows.
Predictions of a training on published labels do not have it."""


def name_columns(classes: int) -> list[str]:
    """Return the names of the columns with the probabilities of so many classes, in label order."""
    return [f"{PROBABILITY_PREFIX}{label}" for label in range(classes)]


def probability_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of a frame's columns of probabilities, in label order."""
    return name_columns(sum(column.startswith(PROBABILITY_PREFIX) for column in frame.columns))


def read_predictions(directory: Path, part: str) -> pd.DataFrame:
    """Read the stored predictions of one part, sorted by image id so that the rows of all variants agree."""
    frame = pd.read_parquet(directory / PREDICTIONS_NAME, filters=[("part", "==", part)])
    return frame.sort_values("image_id", ignore_index=True)


def probabilities_of(frame: pd.DataFrame) -> np.ndarray:
    """Extract the (n, classes) float32 probabilities from a frame of predictions."""
    return frame[probability_columns(frame)].to_numpy(np.float32)


def correctness_of(frame: pd.DataFrame) -> np.ndarray:
    """Check for each image whether the most probable class is the label: (n,) booleans."""
    return probabilities_of(frame).argmax(axis=1) == frame["label"].to_numpy()


def targets_of(frame: pd.DataFrame) -> np.ndarray:
    """Extract the (n,) labels that the training followed, and that its temperature is fitted to."""
    return frame[TARGET_COLUMN if TARGET_COLUMN in frame else "label"].to_numpy()
