"""Stored predictions of a trained model: the probabilities of every image of a part, as Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.base.labels import CLASSES
from models.jobs.files import PREDICTIONS_NAME

PROBABILITY_COLUMNS = [f"probability_{label}" for label in range(len(CLASSES))]


def read_predictions(directory: Path, part: str) -> pd.DataFrame:
    """Read the stored predictions of one part, sorted by image id so that the rows of all variants agree."""
    frame = pd.read_parquet(directory / PREDICTIONS_NAME, filters=[("part", "==", part)])
    return frame.sort_values("image_id", ignore_index=True)


def probabilities_of(frame: pd.DataFrame) -> np.ndarray:
    """Extract the (n, classes) float32 probabilities from a frame of predictions."""
    return frame[PROBABILITY_COLUMNS].to_numpy(np.float32)


def correctness_of(frame: pd.DataFrame) -> np.ndarray:
    """Check for each image whether the most probable class is the label: (n,) booleans."""
    return probabilities_of(frame).argmax(axis=1) == frame["label"].to_numpy()
