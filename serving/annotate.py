"""Photo with its answers drawn on it: a box around each face, with class and certainty."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from serving.answers import FaceAnswer, PhotoAnswer

SMALLEST_PICTURE = 640
"""Longest side in pixels up to which a small picture is enlarged, so that a text fits."""

MOST_TIMES_LARGER = 8

SMALLEST_TEXT, LARGEST_TEXT = 13, 26
"""Height of the text in pixels."""

NOT_SCORED = {"too_small": "too small", "cut_off": "cut off", "turned_away": "from the side"}

Pixels = tuple[float, float, float, float]
"""Left, top, right and bottom."""


class Look(NamedTuple):
    """Colours of a face's box and text: white or black on them has a contrast of at least 6 to 1."""

    back: str
    text: str


CERTAIN, UNCERTAIN, NO_ANSWER = Look("#0b5cad", "white"), Look("#ffb000", "black"), Look("#4d4d4d", "white")


def draw_answer(answer: PhotoAnswer, picture: NDArray[np.uint8]) -> Image.Image:
    """Draw the answer on a photo.

    Args:
        answer: on this photo.
        picture: uint8 (height, width, 3), 0..255, RGB; the photo itself or a smaller copy.

    Returns:
        The picture, enlarged if it is small, with a box and a text for each face, and a line below it if there is
        something to say on the whole photo.
    """
    image = _enlarge(Image.fromarray(picture))
    scale = image.width / max(answer.width, 1)
    draw, texts = ImageDraw.Draw(image), list[Pixels]()
    boxes = [(face, _corners(face, scale)) for face in answer.faces if face.face]
    for face, corners in boxes:
        draw.rectangle(corners, outline="white", width=5)
        draw.rectangle(_inset(corners), outline=look_of(face).back, width=3)
    for face, corners in boxes:  # after all boxes, which would cross the texts
        others = [other for _, other in boxes if other != corners]
        texts.append(_write_beside(draw, face, corners, (*image.size,), [*texts, *others]))
    return _add_line(image, [describe_face(face) for face in answer.faces if not face.face] or _describe_photo(answer))


def describe_face(face: FaceAnswer) -> str:
    """Return the class and its certainty, or why there is none, such as "happy 87 %" or "uncertain: sad 41 %"."""
    if face.outcome != "scored":
        return NOT_SCORED[face.outcome]
    return f"{'uncertain: ' if face.uncertain else ''}{face.label} {face.certainty:.0%}".replace("%", " %")


def look_of(face: FaceAnswer) -> Look:
    """Return the colours for a face."""
    return NO_ANSWER if face.outcome != "scored" else UNCERTAIN if face.uncertain else CERTAIN


def _describe_photo(answer: PhotoAnswer) -> Sequence[str]:
    return ["no face found"] if answer.outcome == "no_face" else []


def _enlarge(image: Image.Image) -> Image.Image:
    times = min(MOST_TIMES_LARGER, SMALLEST_PICTURE / max(image.size))
    size = (round(image.width * times), round(image.height * times))
    return image.resize(size, Image.Resampling.BICUBIC) if times > 1 else image.copy()


def _corners(face: FaceAnswer, scale: float) -> Pixels:
    if face.face is None:
        raise ValueError("got a face without a place, expected one that was found in a photo")
    box = face.face.box
    return box.left * scale, box.top * scale, (box.left + box.width) * scale, (box.top + box.height) * scale


def _inset(corners: Pixels) -> Pixels:
    left, top, right, bottom = corners
    return (left + 1, top + 1, max(right - 1, left + 1), max(bottom - 1, top + 1))


def _write_beside(
    draw: ImageDraw.ImageDraw, face: FaceAnswer, corners: Pixels, size: tuple[int, int], taken: Sequence[Pixels]
) -> Pixels:
    """Write the answer above the box, or where there is room; on another face or text only if there is none."""
    left, top, right, bottom = corners
    font = _load_font(round(np.clip((right - left) / 6, SMALLEST_TEXT, LARGEST_TEXT)))
    text = describe_face(face)
    width, height = _measure(draw, text, font)
    places = [(left, top - height), (left, bottom), (right - width, top), (right, top), (left - width, top)]
    places = [_move_inside(place, (width, height), size) for place in places]
    free = [place for place in places if not any(_overlap(place, other) for other in taken)]
    place = (free or places)[0]
    look = look_of(face)
    draw.rectangle(place, fill=look.back)
    draw.text((place[0] + _PADDING, place[1] + _PADDING), text, fill=look.text, font=font, anchor="la")
    return place


_PADDING = 3


def _measure(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> tuple[float, float]:
    ascent, descent = font.getmetrics()
    return draw.textlength(text, font=font) + 2 * _PADDING, ascent + descent + 2 * _PADDING


def _move_inside(place: tuple[float, float], text: tuple[float, float], size: tuple[int, int]) -> Pixels:
    left = max(0.0, min(place[0], size[0] - text[0]))
    top = max(0.0, min(place[1], size[1] - text[1]))
    return left, top, left + text[0], top + text[1]


def _overlap(one: Pixels, other: Pixels) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _add_line(image: Image.Image, texts: Sequence[str]) -> Image.Image:
    """Add a line below a picture; return it as it is if there is no text."""
    if not texts:
        return image
    font = _load_font(LARGEST_TEXT)
    width, height = _measure(ImageDraw.Draw(image), texts[0], font)
    whole = Image.new("RGB", (max(image.width, round(width) + 1), image.height + round(height)), "#1a1a1a")
    whole.paste(image)
    ImageDraw.Draw(whole).text((_PADDING, image.height + _PADDING), texts[0], fill="white", font=font)
    return whole


def _load_font(height: int) -> ImageFont.FreeTypeFont:
    """Load DejaVu, which comes with matplotlib and has Greek and Cyrillic letters too, for labels of one's own."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), height)
