"""From a photo to the crops that a network scores: the photo is read, its faces are found, judged and cut out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.manifest.decoding import fit_to_size
from data.photos.found_face import FoundFace
from data.photos.reading import Photo, PhotoRefused
from data.sources.archives.entries import escape_bytes
from serving.answers import FaceAnswer, FaceMode, PhotoAnswer, PhotoOutcome
from serving.sources import PhotoSource

if TYPE_CHECKING:
    from data.photos.detector import FaceFinder

logger = logging.getLogger(__name__)

PREVIEW_SIDE = 1600
"""Longest side in pixels of the copy of a photo that answers are drawn on: photos of a window are kept in memory."""


@dataclass(frozen=True)
class PreparedPhoto:
    """A photo whose faces are not scored yet.

    Args:
        answer: on the photo; faces with the outcome "scored" have no label yet.
        crops: of these faces, in their order; uint8 (height, width, channels), 0..255, in the network's data format.
        preview: the photo in at most 1600 pixels, uint8 (height, width, 3), if it was asked for and could be read.
    """

    answer: PhotoAnswer
    crops: tuple[NDArray[np.uint8], ...] = ()
    preview: NDArray[np.uint8] | None = None


class PhotoPreparer:
    """Prepares photos for one network; several threads may use it at once, each with a finder of its own.

    Args:
        data_format: of the network.
        version: of the network, for the answers.
        mode: whether faces are looked for.
        previews: whether to keep a small copy of each photo.
    """

    def __init__(self, data_format: DataFormat, version: str, mode: FaceMode = "auto", previews: bool = False) -> None:
        self.data_format, self.version, self.mode, self.previews = data_format, version, mode, previews
        self._finders: SimpleQueue[FaceFinder] = SimpleQueue()

    def prepare(self, source: PhotoSource) -> PreparedPhoto:
        """Read a photo and cut out its faces. A photo that cannot be read has an answer that says why.

        Raises:
            PipelineError: a part of the installation is missing, so that no photo can be answered.
        """
        try:
            photo = source.read()
            return self._prepare_read(source.name, photo)
        except PhotoRefused as error:
            return self._refuse(source.name, str(error), error.outcome)
        except PipelineError:
            raise
        except Exception as error:  # one bad photo costs one answer, whatever is bad about it
            logger.warning("no answer on %s", source.name, exc_info=True)
            message = f"{source.name} could not be looked at ({type(error).__name__}: {error}): save it again as a JPEG"
            return self._refuse(source.name, message, "unreadable")

    def _prepare_read(self, name: str, photo: Photo) -> PreparedPhoto:
        preview = shrink(photo.pixels, PREVIEW_SIDE) if self.previews else None
        if self._is_given(photo):
            crop = fit_to_format(photo.pixels, self.data_format)
            answer = self._answer(name, "given", faces=(FaceAnswer(face=None, notes=photo.notes),), photo=photo)
            return PreparedPhoto(answer, (crop,), preview)
        with self._finder() as finder:
            found = finder.find(photo.pixels)
        if not found:
            message = "no face was found: a face needs about 20 pixels, and its eyes and mouth must be seen"
            return PreparedPhoto(self._answer(name, "no_face", message=message, photo=photo), (), preview)
        judged = [self._judge(face, photo) for face in found]
        answer = self._answer(name, "faces", faces=tuple(face for face, _ in judged), photo=photo)
        return PreparedPhoto(answer, tuple(crop for _, crop in judged if crop is not None), preview)

    def _judge(self, face: FoundFace, photo: Photo) -> tuple[FaceAnswer, NDArray[np.uint8] | None]:
        from data.photos.crop import crop_face, judge_face

        outcome, notes = judge_face(face, photo.width, photo.height)
        crop = crop_face(photo.pixels, face, self.data_format) if outcome == "scored" else None
        return FaceAnswer(face=face, outcome=outcome, notes=(*photo.notes, *notes)), crop

    def _is_given(self, photo: Photo) -> bool:
        if self.mode == "auto":
            return (photo.height, photo.width) == (self.data_format.height, self.data_format.width)
        return self.mode == "given"

    def _refuse(self, name: str, message: str, outcome: PhotoOutcome) -> PreparedPhoto:
        return PreparedPhoto(self._answer(name, outcome, message=message))

    def _answer(
        self,
        name: str,
        outcome: PhotoOutcome,
        message: str = "",
        photo: Photo | None = None,
        faces: tuple[FaceAnswer, ...] = (),
    ) -> PhotoAnswer:
        return PhotoAnswer(
            source=escape_bytes(name),  # a file's name may not be UTF-8
            outcome=outcome,
            message=escape_bytes(message),
            width=photo.width if photo else 0,
            height=photo.height if photo else 0,
            faces=faces,
            version=self.version,
        )

    @contextmanager
    def _finder(self) -> Iterator["FaceFinder"]:
        """Lend a finder of faces: each has a lock, so that threads with one of their own do not wait."""
        from data.photos.detector import FaceFinder

        try:
            finder = self._finders.get_nowait()
        except Empty:
            finder = FaceFinder()
        try:
            yield finder
        finally:
            self._finders.put(finder)


def fit_to_format(pixels: NDArray[np.uint8], data_format: DataFormat) -> NDArray[np.uint8]:
    """Turn a picture that is a cropped face into an image of the data set, as the images of a data set are read.

    Args:
        pixels: uint8 (height, width, 3), 0..255, RGB.
        data_format: size and colour.

    Returns:
        uint8 (height, width, channels), 0..255.
    """
    image = Image.fromarray(pixels).convert("L" if data_format.channels == 1 else "RGB")
    size = (data_format.width, data_format.height)
    return np.asarray(image if image.size == size else fit_to_size(image, size)).reshape(data_format.shape)


def shrink(pixels: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    """Return a copy of a picture with at most so many pixels on its longest side."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest_side, longest_side))
    return np.array(image)
