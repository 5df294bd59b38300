"""Counts of scored photos and faces, kept while rows pass by."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from data.records.scores import ClassCount, ScoreCounts
from models.evaluation.intervals import wilson_interval


class RowCounter:
    """Counts rows of scores; all rows of a photo come together."""

    def __init__(self) -> None:
        self._photos: Counter[str] = Counter()
        self._faces: Counter[str] = Counter()
        self._classes: Counter[tuple[str, bool]] = Counter()

    def add(self, rows: pa.Table) -> None:
        """Count rows; a photo is counted at its first row."""
        columns = ("face", "outcome", "face_outcome", "label", "uncertain")
        for face, outcome, face_outcome, label, uncertain in zip(
            *(rows[name].to_pylist() for name in columns), strict=True
        ):
            if face in (None, 1):
                self._photos[outcome] += 1
            if face_outcome:
                self._faces[face_outcome] += 1
            if label:
                self._classes[label, bool(uncertain)] += 1

    def counts(self, labels: Sequence[str]) -> ScoreCounts:
        """Return the counts, with the classes in the order of the labels."""
        answers = self._classes.total()
        uncertain = sum(number for (_, unsure), number in self._classes.items() if unsure)
        low, high = _interval(uncertain, answers)
        return ScoreCounts(
            photos=self._photos.total(),
            outcomes=dict(self._photos.most_common()),
            faces=self._faces.total(),
            face_outcomes=dict(self._faces.most_common()),
            uncertain=uncertain,
            uncertain_low=low,
            uncertain_high=high,
            classes=tuple(self._class(label, answers) for label in labels),
        )

    def _class(self, label: str, answers: int) -> ClassCount:
        unsure = self._classes[label, True]
        faces = unsure + self._classes[label, False]
        low, high = _interval(faces, answers)
        return ClassCount(label=label, faces=faces, uncertain=unsure, share=faces / max(1, answers), low=low, high=high)


def _interval(part: int, whole: int) -> tuple[float, float]:
    return wilson_interval(part, whole) if whole else (0.0, 1.0)
