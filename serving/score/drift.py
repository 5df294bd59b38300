"""Drift of the scored faces against the data set that a network was trained on."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from data.base.errors import PipelineError
from data.manifest.measures import MEASURES
from data.quality.drift import read_profile
from data.quality.scored_drift import count_trained, measure_drift
from data.records.scores import ScoreDrift
from data.workspace.layout import DATASETS_STAGE, PROFILE_NAME
from data.workspace.stage_record import read_record
from models.export.training import find_training


class MeasureCollector:
    """Collects the measures of faces, 64 bytes a face."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}

    def add(self, rows: pa.Table) -> None:
        """Take the measures of the faces that have an answer."""
        for name, pieces in self._pieces.items():
            pieces.append(rows[f"crop_{name}"].drop_null().to_numpy())

    def values(self) -> dict[str, np.ndarray]:
        """Return measure -> value of each face, (n,)."""
        return {name: np.concatenate([np.empty(0), *pieces]) for name, pieces in self._pieces.items()}


def compare_with_training(workspace: Path, training: str, faces: MeasureCollector) -> ScoreDrift:
    """Compare faces with the train images of a network; say why if there is nothing to compare with.

    Args:
        workspace: directory of the workspace.
        training: key of the training.
        faces: measures of the scored faces.
    """
    values = faces.values()
    count = len(next(iter(values.values())))
    if not count:
        return ScoreDrift(reason="no face has an answer")
    try:
        dataset = str(read_record(find_training(workspace, training).records).inputs.get("dataset", ""))
        profile = read_profile(workspace / DATASETS_STAGE / dataset / PROFILE_NAME)
    except (PipelineError, OSError, ValueError):
        return ScoreDrift(faces=count, reason=f"the workspace has no profile of the data behind training {training}")
    return ScoreDrift(
        dataset=dataset, images=count_trained(profile), faces=count, measures=measure_drift(profile, values)
    )
