"""Soft labels: a teacher's probabilities for each train image of each view, in files that a student's training reads.

The teacher sees the images of a view as they are stored. The student sees them with a random flip and shift. The
teacher's probabilities are valid for these too, because a flip or shift does not change the expression of a face.

Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", at temperature 1.
"""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.records.training import TeachingCosts
from models.jobs.files import TEACHING_NAME


class SoftLabelsRecord(TeachingCosts):
    """Teacher, number of views and cost of a directory of soft labels: the content of `teaching.json`."""

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the record of finished soft labels.

        Raises:
            PipelineError: the file does not exist, or its content is not such a record.
        """
        path = directory / TEACHING_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise PipelineError(
                f"got {path}, which is not a readable record of soft labels ({error}), expected the file that "
                "models.training.distill writes: run again with --force"
            ) from error


class SoftLabels:
    """The soft labels in a directory that `python -m models.training.distill` has written.

    Args:
        directory: of the soft labels.

    Raises:
        PipelineError: the directory has no soft labels.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.record = directory, SoftLabelsRecord.load(directory)

    @property
    def views(self) -> int:
        """Return how many views are labelled, from the first."""
        return self.record.views

    def of_view(self, view: int, order: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the teacher's probabilities for the train images of a view.

        Args:
            view: 0 is the original.
            order: (images,), each image's position in the stored order.

        Returns:
            float32 (images, classes), in this order; each row sums to 1.

        Raises:
            PipelineError: the number of images is another.
        """
        labels = np.load(labels_path(self.directory, view))
        if len(labels) != len(order):
            raise PipelineError(
                f"got soft labels of {len(labels)} images of view {view} in {self.directory}, expected "
                f"{len(order)}: they belong to other records, so run again with --force"
            )
        return labels[order]


def labels_path(directory: Path, view: int) -> Path:
    """Return the file of a view's soft labels: float32 (images, classes), in stored order."""
    return directory / f"view{view:02d}.npy"
