"""Answers of an exported network on photos, in their order and in memory that does not grow with their number."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.photos.reading import PhotoLimits
from data.records.export import ExportBundle
from data.system.hardware import usable_cores
from data.system.threads import map_ahead
from models.registry.connection import MODEL_NAME
from serving.answers import FaceAnswer, FaceMode, PhotoAnswer

if TYPE_CHECKING:
    from serving.prepare import PreparedPhoto
    from serving.sources import PhotoSource, SourceOptions

    Sources = str | Path | Iterable[str | Path | PhotoSource]

WINDOW_PHOTOS = 32
"""Photos whose faces are scored together, at most."""

WINDOW_PICTURES = 8
"""The same if their pictures are kept, which have up to 6 MB each."""

WINDOW_SECONDS = 1.0
"""Time after which faces are scored even if they are few, so that answers appear while photos are slow to read."""

AHEAD_PER_THREAD = 2
"""Photos that are read before their answers are needed, for each thread."""

MOST_THREADS = 4
"""They decode and find without Python's lock; each may hold a photo of the largest size, hundreds of megabytes."""


class PictureAnswer(NamedTuple):
    """An answer with the photo that it is on, uint8 (height, width, 3), at most 1600 pixels; None if unreadable."""

    answer: PhotoAnswer
    picture: NDArray[np.uint8] | None


class Predictor:
    """Exported network that answers on photos; several threads may use it at once.

    Args:
        directory: of an export, as `emotion export` makes it.
        version: name of the network in the answers; empty for the name of the directory.
        faces: find: look for faces; given: each picture is a cropped face; auto: given for pictures of exactly the
            size of the network's images, and find for others.
        limits: on the content of pictures that `predict_image` gets.

    Raises:
        PipelineError: it is no export, its ONNX format is not offered, or a part of the installation is missing.

    Example:
        predictor = Predictor.champion(Path("workspace"))
        for answer in predictor.predict(["holiday.jpg", "photos/"]):
            print(answer.source, [(face.label, face.certainty, face.uncertain) for face in answer.faces])
    """

    def __init__(
        self, directory: Path, version: str = "", faces: FaceMode = "auto", limits: PhotoLimits = PhotoLimits()
    ) -> None:
        from models.export.bundle import read_bundle, require_format
        from serving.network import ScoringNetwork
        from serving.prepare import PhotoPreparer

        self.directory = directory = Path(directory)
        self.bundle: ExportBundle = read_bundle(directory)
        self.version = version or directory.resolve().name
        self.faces: FaceMode = faces
        self.limits = limits
        self.network = ScoringNetwork(require_format(directory, "onnx"), self.bundle)
        self._preparer = PhotoPreparer(self.bundle.data_format, self.version, faces)

    @classmethod
    def load(
        cls, directory: str | Path, version: str = "", faces: FaceMode = "auto", limits: PhotoLimits = PhotoLimits()
    ) -> Self:
        """Load an export from its directory; see the class for the arguments and errors."""
        return cls(Path(directory), version, faces, limits)

    @classmethod
    def champion(
        cls, workspace: str | Path, model: str = MODEL_NAME, version: int = 0, faces: FaceMode = "auto"
    ) -> Self:
        """Load the champion of a workspace, or another version of the model.

        Args:
            workspace: directory of the workspace with the registry and the exports.
            model: name of the registered model, see `emotion models list`.
            version: its number; 0 is the champion.
            faces: see the class.

        Raises:
            PipelineError: there is no champion or no such version, it was not exported, or see the class.
        """
        from models.export.find import champion_export

        number, directory = champion_export(Path(workspace), model, version)
        if not number:
            raise PipelineError(
                f"got no champion of the model {model} in {workspace}, expected one: make run or emotion run trains "
                "one, emotion models list shows what there is, and EMOTION_WORKSPACE names another workspace"
            )
        if directory is None:
            raise PipelineError(
                f"got version {number} of the model {model} without an export in {workspace}, expected one: make it "
                "with emotion export"
            )
        return cls(directory, f"{model}/{number}", faces)

    def predict(self, sources: "Sources", options: "SourceOptions | None" = None) -> Iterator[PhotoAnswer]:
        """Answer photos, folders, patterns, addresses and videos, in their order, one answer a photo or frame.

        Args:
            sources: one or several of what `serving.sources.list_photos` reads.
            options: how they are read, such as the time between two frames of a video.

        Yields:
            An answer on each. A photo that cannot be read has an answer with the reason.
        """
        return (one.answer for one in self.predict_with_pictures(sources, options, pictures=False))

    def predict_with_pictures(
        self,
        sources: "Sources",
        options: "SourceOptions | None" = None,
        pictures: bool = True,
    ) -> Iterator[PictureAnswer]:
        """Do as `predict`, and yield each answer with a small copy of its photo to draw it on.

        Args:
            sources: see `predict`.
            options: see `predict`.
            pictures: whether to keep the copies.
        """
        prepared = self.predict_with_crops(sources, options, pictures)
        return (PictureAnswer(one.answer, one.preview) for one in prepared)

    def predict_with_crops(
        self,
        sources: "Sources",
        options: "SourceOptions | None" = None,
        pictures: bool = False,
    ) -> "Iterator[PreparedPhoto]":
        """Do as `predict_with_pictures`, and yield each answer with the crops that the network saw.

        Args:
            sources: see `predict`.
            options: see `predict`.
            pictures: see `predict_with_pictures`.
        """
        from serving.prepare import PhotoPreparer
        from serving.sources import SourceOptions, list_photos

        preparer = PhotoPreparer(self.bundle.data_format, self.version, self.faces, previews=pictures)
        named = [sources] if isinstance(sources, str | Path) else sources
        photos = list_photos(named, options or SourceOptions())
        most = WINDOW_PICTURES if pictures else WINDOW_PHOTOS
        threads = min(usable_cores(), MOST_THREADS)
        for window in _windows(map_ahead(preparer.prepare, photos, threads, AHEAD_PER_THREAD), most):
            yield from self._score(window)

    def predict_image(self, image: bytes | NDArray[np.uint8], name: str = "image") -> PhotoAnswer:
        """Answer one photo.

        Args:
            image: content of a file, or pixels: uint8 (height, width, 3), RGB, 0..255, or (height, width) in gray.
            name: source in the answer.
        """
        from serving.sources import photo_of

        prepared = self._preparer.prepare(photo_of(image, name, self.limits))
        return next(iter(self._score([prepared]))).answer

    def _score(self, window: "list[PreparedPhoto]") -> "Iterator[PreparedPhoto]":
        """Score the crops of several photos together."""
        from dataclasses import replace

        crops = [crop for photo in window for crop in photo.crops]
        rows = iter(self.network.probabilities(np.stack(crops)) if crops else ())
        for photo in window:
            faces = tuple(
                self._answer(face, next(rows)) if face.outcome == "scored" else face for face in photo.answer.faces
            )
            yield replace(photo, answer=photo.answer.model_copy(update={"faces": faces}))

    def _answer(self, face: FaceAnswer, probabilities: NDArray[np.float64]) -> FaceAnswer:
        best = int(probabilities.argmax())
        certainty, threshold = float(probabilities[best]), self.bundle.threshold
        return face.model_copy(
            update={
                "label": self.bundle.data_format.labels[best],
                "certainty": certainty,
                "uncertain": threshold is not None and certainty < threshold,
                "probabilities": tuple(probabilities.tolist()),
            }
        )


def _windows(photos: "Iterator[PreparedPhoto]", most: int) -> "Iterator[list[PreparedPhoto]]":
    """Collect photos until their faces fill a batch, or until the first of them has waited for a second."""
    from serving.network import LARGEST_BATCH

    window: list[PreparedPhoto] = []
    crops, started = 0, time.monotonic()
    for photo in photos:
        window.append(photo)
        crops += len(photo.crops)
        if crops >= LARGEST_BATCH or len(window) >= most or time.monotonic() - started > WINDOW_SECONDS:
            yield window
            window, crops, started = [], 0, time.monotonic()
    if window:
        yield window
