"""Where the best variant errs: strips of faces, and sentences on the confusions and the errors that all share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from data.records.analysis import ConfusedPair, Errors, Face
from data.records.run import RunResults
from reports.common.formatting import percent, percent_range, plural
from reports.common.images import encode_png


class ShownFace(BaseModel):
    """A face, what is said of it, and its picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    face: Face
    picture: str = Field(description="PNG data URI; empty where there is no picture of it")


class Strip(BaseModel):
    """Faces that are shown side by side for one reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str
    faces: tuple[ShownFace, ...]


def load_faces(path: Path | None) -> dict[str, str]:
    """Read named faces: image id -> PNG data URI; none where there is no such file. See `data.views.pictures`."""
    if path is None or not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        faces = zip(stored["image_ids"], stored["images"], strict=True)
        return {str(image_id): encode_png(pixels) for image_id, pixels in faces}


def confusion_strips(results: RunResults, faces: Mapping[str, str]) -> list[Strip]:
    """Return a strip for each of the most frequent confusions of the best variant."""
    errors = errors_of(results)
    return [_confusion_strip(pair, faces) for pair in errors.pairs] if errors else []


def certainty_strips(results: RunResults, faces: Mapping[str, str]) -> list[Strip]:
    """Return the strips of the worst errors, of the surest and the least sure answers, and of the shared errors."""
    errors = errors_of(results)
    if errors is None:
        return []
    strips = [
        ("Worst errors", f"Where {errors.variant} is most certain and wrong.", errors.worst),
        ("Surest", f"Of all images those that {errors.variant} is most certain of.", errors.surest),
        ("Least sure", "Where its first choice is least probable.", errors.least_sure),
        ("Wrong by all", shared_sentence(errors), errors.shared_faces if errors.variants > 1 else ()),
    ]
    return [Strip(title=title, text=text, faces=_show(shown, faces)) for title, text, shown in strips if shown]


def errors_of(results: RunResults) -> Errors | None:
    """Return the errors of the best variant, or None where nothing was analysed."""
    return results.analysis.errors if results.analysis else None


def confusion_sentence(pair: ConfusedPair) -> str:
    """Return how often one class is taken for another, such as "sad taken for neutral: 316 of 1,136 ..."."""
    share = percent(pair.images / pair.of_class)
    return f"{pair.images:,} of {pair.of_class:,}, {share} (95% interval {percent_range(pair.low, pair.high)})"


def shared_sentence(errors: Errors) -> str:
    """Return how many images every variant gets wrong, and what that may come from."""
    share = percent(errors.shared / errors.images)
    said = (
        f"All {errors.variants} variants get {plural(errors.shared, 'image')} wrong, {share} of {errors.images:,} "
        f"(95% interval {percent_range(errors.shared_low, errors.shared_high)}); on {errors.shared_alike:,} of them "
        "they agree on the wrong class"
    )
    if errors.shared_suspects is None:
        return f"{said}."
    return f"{said}, and of {errors.shared_suspects:,} the label is suspected (see Labels)."


def _confusion_strip(pair: ConfusedPair, faces: Mapping[str, str]) -> Strip:
    title = f"{pair.label} taken for {pair.predicted}"
    return Strip(title=title, text=confusion_sentence(pair), faces=_show(pair.faces, faces))


def _show(shown: Sequence[Face], faces: Mapping[str, str]) -> tuple[ShownFace, ...]:
    return tuple(ShownFace(face=face, picture=faces.get(face.image_id, "")) for face in shown)
