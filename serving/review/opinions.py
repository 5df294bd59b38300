"""What the networks of an audit said on the images that they were not trained on."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from models.evaluation.predictions import PROBABILITY_PREFIX, name_columns
from models.jobs.files import PREDICTIONS_NAME

LEARNT_FROM = "train"


def read_opinions(networks: Sequence[Path], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the mean probabilities of each image, over the networks that did not learn from it.

    Args:
        networks: directories with stored predictions; one without is left out.
        labels: in label order.

    Returns:
        Image id -> class -> probability, 0..1.
    """
    frames = []
    columns = name_columns(len(labels))
    for network in networks:
        path = network / PREDICTIONS_NAME
        if path.is_file():
            frame = pd.read_parquet(path, filters=[("part", "!=", LEARNT_FROM)])
            if sum(name.startswith(PROBABILITY_PREFIX) for name in frame.columns) == len(labels):
                frames.append(frame[["image_id", *columns]])
    if not frames:
        return {}
    means = pd.concat(frames, ignore_index=True).groupby("image_id")[columns].mean()
    named = means.set_axis(list(labels), axis=1)
    return {
        str(image): {str(k): round(float(v), 4) for k, v in row.items()}
        for image, row in named.to_dict("index").items()
    }
