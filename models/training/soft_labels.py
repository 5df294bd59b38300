"""Soft labels: what a teacher answers to each train image of each view, as files that a student's training reads.

The teacher sees the images of a view as they were written. Its student sees them flipped and shifted at random: the
answer to the plain image stands for all of these, which a face's expression survives.

Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", at temperature 1.
"""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.labels import CLASSES
from data.records.training import TeachingCosts
from models.jobs.files import TEACHING_NAME


class Teaching(TeachingCosts):
    """The content of `teaching.json`."""

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the record of finished soft labels.

        Raises:
            PipelineError: there is none, or it is not one.
        """
        path = directory / TEACHING_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise PipelineError(
                f"got {path}, which is no readable record of soft labels ({error}), expected what "
                "models.training.distill left: run again with --force"
            ) from error


class SoftLabels:
    """The soft labels in a directory that `python -m models.training.distill` filled.

    Args:
        directory: of the soft labels.

    Raises:
        PipelineError: there are none.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.teaching = directory, Teaching.load(directory)

    @property
    def views(self) -> int:
        """Return how many views are labelled, from the first."""
        return self.teaching.views

    def of_view(self, view: int, order: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the teacher's probabilities for the train images of a view.

        Args:
            view: 0 is the original.
            order: (images,), each image's place in the written order.

        Returns:
            float32 (images, classes), rows summing to 1, in this order.

        Raises:
            PipelineError: the labels are not of as many images.
        """
        labels = np.load(labels_path(self.directory, view))
        if labels.shape != (len(order), len(CLASSES)):
            raise PipelineError(
                f"got soft labels {labels.shape} of view {view} in {self.directory}, expected "
                f"{(len(order), len(CLASSES))}: they belong to other records, so run again with --force"
            )
        return labels[order]


def labels_path(directory: Path, view: int) -> Path:
    """Return the file of a view's soft labels: float32 (images, classes), in written order."""
    return directory / f"view{view:02d}.npy"
