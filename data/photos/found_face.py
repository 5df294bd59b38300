"""A face that was found in a photo: where it is, its landmarks, and how sure the detector is."""

from pydantic import Field

from data.base.record import Record

Point = tuple[float, float]
"""x and y in pixels of the upright photo, from its upper left corner; may lie outside the photo."""


class Box(Record):
    """Rectangle in pixels of the upright photo, from its upper left corner; may reach beyond the photo."""

    left: float
    top: float
    width: float = Field(gt=0)
    height: float = Field(gt=0)


class FoundFace(Record):
    """A face in a photo."""

    box: Box
    certainty: float = Field(ge=0, le=1, description="of the detector, that this is a face")
    landmarks: tuple[Point, Point, Point, Point, Point] = Field(
        description="right eye, left eye, tip of the nose, right and left corner of the mouth; right is the person's"
    )
