"""Predicted class probabilities of a whole part of the data set."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from data.system.child_process import emit
from models.evaluation.predictions import name_columns
from models.jobs.events import Predicting

PROGRESS_SECONDS = 60.0
"""Interval of the progress reports of a long prediction; the parent ends a child that is silent for half an hour."""


def predict_part(model: Any, batches: Iterable[tuple[Any, Any, Any]], part: str) -> pd.DataFrame:
    """Predict one part, with the event `predicting` about once a minute.

    Args:
        model: a Keras model from (batch, height, width, channels) pixels 0..255 to (batch, classes) probabilities.
        batches: batches of (images uint8, labels int, image ids bytes).
        part: name of the part, for the column `part`.

    Returns:
        One row per image in the order of the batches: image_id, part, label, probability_0, probability_1, ...
    """
    frames: list[pd.DataFrame] = []
    reported = time.monotonic()
    for images, labels, image_ids in batches:
        probabilities = np.asarray(model.predict_on_batch(images))
        frame = pd.DataFrame(probabilities, columns=name_columns(probabilities.shape[1]))
        frame.insert(0, "image_id", [image_id.decode() for image_id in np.asarray(image_ids)])
        frame.insert(1, "part", part)
        frame.insert(2, "label", np.asarray(labels).astype(np.int64))
        frames.append(frame)
        if time.monotonic() - reported >= PROGRESS_SECONDS:
            reported = time.monotonic()
            emit(Predicting(part=part, batches=len(frames)))
    return pd.concat(frames, ignore_index=True)
