"""Generated photos: sample faces at known places, sizes and tilts on a generated background."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from data.base.data_format import SEED_FORMAT
from data.base.record import Record
from data.sample.faces import draw_face

SKIN_TINT = (1.0, 0.86, 0.76)
"""Share of a gray face's level in red, green and blue."""

FEATHER = 0.06
"""Width of the soft edge of a pasted face, as a share of its side."""


class PlacedFace(Record):
    """A face in a generated photo: the square that is its image in a data set."""

    x: float
    """Of the middle of the square, in pixels from the left."""

    y: float
    side: int
    tilt: float
    """Degrees by which it is turned clockwise."""

    label: str


@dataclass(frozen=True)
class Scene:
    """A generated photo.

    Args:
        pixels: uint8 (height, width, 3), 0..255, RGB.
        faces: from left to right.
    """

    pixels: NDArray[np.uint8]
    faces: tuple[PlacedFace, ...]


def draw_scene(
    size: tuple[int, int], sides: Sequence[int], rng: np.random.Generator, tilt: float = 0.0, label: str = ""
) -> Scene:
    """Draw a photo with faces that do not touch each other.

    Args:
        size: width and height in pixels.
        sides: side in pixels of the square of each face; it has to fit into its cell of an even grid.
        rng: draws background, places and faces.
        tilt: degrees by which all faces are turned clockwise, besides the small tilt that each is drawn with.
        label: the expression of all faces, one of `SEED_FORMAT.labels`; each has its own if it is empty.

    Raises:
        ValueError: a face does not fit.
    """
    photo = _draw_background(size, rng)
    faces = []
    for side, (left, top, width, height) in zip(sides, _choose_cells(size, len(sides), rng), strict=True):
        room = _turned_side(side, tilt)
        if room > width or room > height:
            raise ValueError(f"a face of {side} pixels, turned by {tilt:g} degrees, does not fit into {width}x{height}")
        expression = label or str(rng.choice(SEED_FORMAT.labels))
        x, y = left + rng.uniform(room / 2, width - room / 2), top + rng.uniform(room / 2, height - room / 2)
        face = PlacedFace(x=x, y=y, side=side, tilt=tilt, label=expression)
        _paste(photo, draw_face(expression, rng), face)
        faces.append(face)
    return Scene(np.asarray(photo), tuple(sorted(faces, key=lambda face: face.x)))


def _turned_side(side: int, tilt: float) -> float:
    angle = math.radians(tilt)
    return side * (abs(math.cos(angle)) + abs(math.sin(angle)))


def _choose_cells(
    size: tuple[int, int], count: int, rng: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Return a cell (left, top, width, height) of an even grid for each face, in random order."""
    columns = max(1, round(math.sqrt(count * size[0] / size[1])))
    rows = max(1, math.ceil(count / columns))
    width, height = size[0] / columns, size[1] / rows
    cells = [(column * width, row * height, width, height) for row in range(rows) for column in range(columns)]
    return [cells[number] for number in rng.permutation(len(cells))[:count]]


def _draw_background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Draw a room: a slope of colour, some things with straight and round edges, and noise."""
    corners = rng.integers(60, 200, (2, 2, 3)).astype(np.uint8)
    photo = Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(photo)
    for _ in range(12):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        box = (x, y, x + rng.uniform(0.03, 0.4) * size[0], y + rng.uniform(0.03, 0.4) * size[1])
        shape = draw.rectangle if rng.random() < 0.7 else draw.ellipse
        shape(box, fill=tuple(int(level) for level in rng.integers(20, 235, 3)))
    photo = photo.filter(ImageFilter.GaussianBlur(max(size) / 600))
    noise = rng.normal(0, 3, (size[1], size[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(photo, dtype=np.float32) + noise, 0, 255).astype(np.uint8))


def _paste(photo: Image.Image, face: NDArray[np.uint8], place: PlacedFace) -> None:
    tinted = np.clip(face[:, :, None] * np.array(SKIN_TINT), 0, 255).astype(np.uint8)
    part = Image.fromarray(tinted).resize((place.side, place.side), Image.Resampling.LANCZOS).convert("RGBA")
    inset = max(1, round(place.side * FEATHER))
    mask = Image.new("L", part.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle(
        (inset, inset, place.side - inset, place.side - inset), radius=place.side * 0.3, fill=255
    )
    part.putalpha(mask.filter(ImageFilter.GaussianBlur(inset / 2)))
    part = part.rotate(-place.tilt, Image.Resampling.BICUBIC, expand=True)
    photo.paste(part, (round(place.x - part.width / 2), round(place.y - part.height / 2)), part)
