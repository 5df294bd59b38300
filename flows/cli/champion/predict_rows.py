"""Answers on photos as rows of a table and of a CSV, and what they are together."""

from collections import Counter
from collections.abc import Iterator

from data.records.export import ExportBundle
from data.records.truths import judged_by
from serving.answers import FaceAnswer, PhotoAnswer

Cell = str | int | float | bool | None

REASONS = {
    "too_small": "too small to score",
    "cut_off": "mostly outside the photo",
    "turned_away": "seen from the side",
}
"""Outcome of a face that has no answer -> words."""

REFUSALS = ("unreadable", "unavailable", "too_large")
"""Outcomes of a photo that could not be looked at."""

HEADINGS = ("photo", "face", "expression", "certainty", "is a face", "note")


def table_rows(answer: PhotoAnswer) -> Iterator[tuple[str, ...]]:
    """Yield a row for each face of a photo in the order of `HEADINGS`; one row if there is none."""
    if not answer.faces:
        yield answer.source, "", "no face", "", "", ""
    for number, face in enumerate(answer.faces, start=1):
        name = answer.source if number == 1 else ""
        place = f"{number}/{len(answer.faces)}" if face.face else "given"
        sure = _percent(face.face.certainty) if face.face else ""
        certainty = _percent(face.certainty) if face.outcome == "scored" else ""
        yield name, place, _expression(face), certainty, sure, "; ".join(_notes(face))


def describe_refusal(answer: PhotoAnswer) -> str:
    """Return why a photo could not be looked at, with its name; empty if it was looked at."""
    if answer.outcome not in REFUSALS:
        return ""
    return answer.message if answer.source in answer.message else f"{answer.source}: {answer.message}"


def csv_columns(bundle: ExportBundle) -> list[str]:
    """List the columns of the CSV; the last ones are the probabilities of the network's labels."""
    return [*_photo_cells(PhotoAnswer(source="", outcome="no_face", version="")), *_face_cells(None, 0)] + [
        f"p_{label}" for label in bundle.data_format.labels
    ]


def csv_rows(answer: PhotoAnswer, bundle: ExportBundle) -> Iterator[dict[str, Cell]]:
    """Yield a row for each face of a photo; one row without a face if there is none."""
    for number, face in list(enumerate(answer.faces, start=1)) or [(0, None)]:
        probabilities = face.probabilities if face else ()
        named = {
            f"p_{label}": value
            for label, value in zip(bundle.data_format.labels, probabilities or [None] * 99, strict=False)
        }
        yield {**_photo_cells(answer), **_face_cells(face, number), **named}


def _photo_cells(answer: PhotoAnswer) -> dict[str, Cell]:
    return answer.model_dump(include={"source", "outcome", "message", "width", "height", "version"})


def _face_cells(face: FaceAnswer | None, number: int) -> dict[str, Cell]:
    found = face.face if face else None
    box = found.box if found else None
    scored = face if face and face.outcome == "scored" else None
    return {
        "face": number or None,
        "left": box.left if box else None,
        "top": box.top if box else None,
        "face_width": box.width if box else None,
        "face_height": box.height if box else None,
        "face_certainty": found.certainty if found else None,
        "face_outcome": face.outcome if face else None,
        "notes": "; ".join(face.notes) if face else None,
        "label": scored.label if scored else None,
        "certainty": scored.certainty if scored else None,
        "uncertain": scored.uncertain if scored else None,
    }


class Tally:
    """Counts of answers, kept while they pass by."""

    def __init__(self) -> None:
        self.photos = 0
        self.outcomes: Counter[str] = Counter()
        self.faces: Counter[str] = Counter()

    def add(self, answer: PhotoAnswer) -> None:
        """Count a photo and its faces."""
        self.photos += 1
        self.outcomes[answer.outcome] += 1
        for face in answer.faces:
            unsaid = "uncertain" if face.uncertain else face.label
            self.faces[unsaid if face.outcome == "scored" else "without an answer"] += 1

    @property
    def refused(self) -> int:
        """Number of photos that could not be read."""
        return sum(self.outcomes[outcome] for outcome in REFUSALS)

    def describe(self) -> str:
        """Return the counts as a sentence."""
        faces = ", ".join(f"{label} {number}" for label, number in self.faces.most_common())
        parts = [f"{_count(self.photos, 'photo')}, {_count(self.faces.total(), 'face')}{f': {faces}' if faces else ''}"]
        if without := self.outcomes["no_face"]:
            parts.append(f"{_count(without, 'photo')} without a face")
        if self.refused:
            parts.append(f"{self.refused} not read")
        return "; ".join(parts)


def describe_network(bundle: ExportBundle, version: str) -> str:
    """Return what the network is and how often it is right, as a sentence."""
    interval = f"{100 * bundle.accuracy_low:.1f} to {100 * bundle.accuracy_high:.1f}"
    text = (
        f"{version} ({bundle.variant}) is right on {100 * bundle.accuracy:.1f} % of {bundle.validation_images} "
        f"validation images{judged_by(bundle.truth, ' ')} (95 % interval: {interval})"
    )
    if bundle.threshold is None:
        return f"{text}; it has no threshold, so no answer is called uncertain."
    return (
        f"{text}, and on {100 * bundle.accepted_accuracy:.1f} % of those whose certainty is at least "
        f"{100 * bundle.threshold:.0f} %; the others are called uncertain."
    )


def _expression(face: FaceAnswer) -> str:
    if face.outcome != "scored":
        return "none"
    return f"uncertain: {face.label}" if face.uncertain else face.label


def _notes(face: FaceAnswer) -> list[str]:
    reason = REASONS.get(face.outcome)
    return [*([reason] if reason else []), *(note for note in face.notes if note != reason)]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
