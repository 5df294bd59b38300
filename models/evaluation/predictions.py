"""Score a trained model: probabilities for every image of a part, kept as Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.base.labels import CLASSES
from models.jobs.files import PREDICTIONS_NAME

PROBABILITY_COLUMNS = [f"probability_{label}" for label in range(len(CLASSES))]


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
