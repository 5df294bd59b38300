"""Limits of requests: what exceeds them is refused with a sentence, and the service goes on."""

from pydantic import Field

from data.base.record import Record
from data.photos.reading import PhotoLimits


class ServeLimits(Record):
    """How large a request may be, how long it may take, and how many there may be at once."""

    body_bytes: int = Field(default=32 << 20, ge=1 << 10, le=1 << 30, description="Bytes of a request")
    images: int = Field(default=16, ge=1, le=1000, description="Images of a request")
    pixels: int = Field(default=PhotoLimits().max_pixels, ge=10_000, le=1 << 30, description="Pixels of an image")
    faces: int = Field(default=100, ge=1, le=10_000, description="Faces of an image")
    seconds: float = Field(default=20, gt=0, le=600, description="Time to receive a request, and time to answer it")
    at_once: int = Field(default=0, ge=0, le=256, description="Requests computed at once; 0: one for each core")
    waiting: int = Field(default=32, ge=0, le=10_000, description="Requests that wait; one more gets status 429")
