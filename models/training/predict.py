"""Predict the class probabilities of a whole part."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from data.system.child_process import emit
from models.evaluation.predictions import PROBABILITY_COLUMNS
from models.jobs.events import Predicting

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
            emit(Predicting(part=part, batches=len(frames)))
    return pd.concat(frames, ignore_index=True)
