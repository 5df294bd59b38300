"""One face of an image that was sent: the answer on it, and its pixels as the network saw them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.photos.crop import crop_face
from serving.answers import FaceAnswer
from serving.prepare import fit_to_format
from serving.sources import photo_of
from serving.web.bodies import Upload
from serving.web.door import Refused

if TYPE_CHECKING:
    from serving.predictor import Predictor


class SeenFace(NamedTuple):
    """A face that has an answer."""

    answer: FaceAnswer
    pixels: NDArray[np.uint8]
    """(height, width, channels), 0..255."""


def see_face(predictor: "Predictor", image: Upload, number: int) -> SeenFace:
    """Answer on one face of an image, and return its pixels as well.

    Args:
        predictor: answers on it.
        image: as it was sent.
        number: of the face in the answer, from 0.

    Raises:
        Refused: the image cannot be read, has no such face, or no answer on it.
    """
    if image.data is None:
        raise Refused(403, "got the address of an image, expected the image itself: this request fetches none")
    answer = predictor.predict_image(image.data, image.name)
    face = answer.faces[number] if number < len(answer.faces) else None
    if face is None or face.outcome != "scored":
        count = sum(one.outcome == "scored" for one in answer.faces)
        raise Refused(
            422,
            f"got face {number} of an image with {count} faces that have an answer"
            f"{f' ({answer.message})' if answer.message else ''}, expected the number of one of them, from 0",
        )
    data_format = predictor.bundle.data_format
    pixels = photo_of(image.data, image.name).read().pixels
    crop = crop_face(pixels, face.face, data_format) if face.face else fit_to_format(pixels, data_format)
    return SeenFace(face, crop)
