"""Answers on photos: the faces of each, with calibrated probabilities, or the reason why there is no answer."""

from typing import Literal

from pydantic import Field

from data.base.record import Record
from data.photos.found_face import FoundFace

PhotoOutcome = Literal["faces", "given", "no_face", "unreadable", "unavailable", "too_large"]
"""Of a photo: faces were found; the photo is a cropped face already; it has no face; it is damaged or of an unknown
kind; its file or address cannot be reached; it has more pixels than the limit."""

FaceOutcome = Literal["scored", "too_small", "cut_off", "turned_away"]
"""Of a face: it has an answer; or none because it is too small, mostly outside the photo, or seen from the side."""

FaceMode = Literal["auto", "find", "given"]
"""find: look for faces; given: each image is a cropped face; auto: given for images of the data format's size."""


class FaceAnswer(Record):
    """Answer on one face."""

    face: FoundFace | None = Field(description="None for an image that is a cropped face already")
    outcome: FaceOutcome = "scored"
    notes: tuple[str, ...] = Field(default=(), description="what makes the answer weaker, such as a tilted face")
    label: str = Field(default="", description="the most probable class; empty where there is no answer")
    certainty: float = Field(default=0.0, description="calibrated probability of the label, 0..1")
    uncertain: bool = Field(default=False, description="whether the certainty is below the threshold of the network")
    probabilities: tuple[float, ...] = Field(default=(), description="calibrated, in the order of the labels, sum 1")


class PhotoAnswer(Record):
    """Answer on one photo."""

    source: str = Field(description="path or address, as it was given; a video's frame ends in #t=SECONDS")
    outcome: PhotoOutcome
    message: str = Field(default="", description="why there is no answer: what was got, expected, and what to do")
    width: int = Field(default=0, description="of the upright photo, in pixels")
    height: int = 0
    faces: tuple[FaceAnswer, ...] = Field(default=(), description="from left to right")
    version: str = Field(description="of the network, such as emotion-classifier/3 or the key of an export")
