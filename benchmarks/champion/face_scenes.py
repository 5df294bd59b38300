"""Recall, false faces and time of the face finder on generated scenes, as a Markdown table for docs/photos.md.

Run it from the checkout: `python -m benchmarks.champion.face_scenes [--scenes 10]`. No download is needed. A face
counts as found if the middle of its crop lies within 0.3 sides of the true one, and its side is half to twice the
true one.
"""

import argparse
import io
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.photos.crop import measure_side
from data.photos.detector import FaceFinder
from data.photos.found_face import FoundFace
from data.photos.reading import read_photo
from data.sample.scenes import PlacedFace, Scene, draw_scene
from models.evaluation.intervals import wilson_interval

Encode = Callable[[NDArray[np.uint8]], bytes]


def _save(kind: str, convert: Callable[[Image.Image], Image.Image] = lambda image: image, **options: object) -> Encode:
    def encode(pixels: NDArray[np.uint8]) -> bytes:
        stream = io.BytesIO()
        convert(Image.fromarray(pixels)).save(stream, kind, **options)
        return stream.getvalue()

    return encode


def _turned_by_exif(pixels: NDArray[np.uint8]) -> bytes:
    exif = Image.Exif()
    exif[0x112] = 6  # shown after a quarter turn to the right
    return _save("JPEG", exif=exif, quality=90)(np.rot90(pixels))


def _sixteen_bits(pixels: NDArray[np.uint8]) -> bytes:
    gray = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.uint16) * 257
    return _save("PNG")(gray)


JPEG = _save("JPEG", quality=90)


class Case(NamedTuple):
    """Scenes of one kind."""

    name: str
    size: tuple[int, int]
    sides: list[int]
    tilt: float = 0.0
    encode: Encode = JPEG


CASES = (
    Case("no face", (1600, 1200), []),
    Case("1 face", (1600, 1200), [300]),
    Case("5 faces", (1600, 1200), [200] * 5),
    Case("40 faces", (2400, 1600), [110] * 40),
    *(Case(f"turned by {tilt} degrees", (1200, 900), [200] * 4, tilt) for tilt in (15, 30, 45, 90, 180)),
    *(Case(f"{side} pixels", (1000, 800), [side] * 8) for side in (20, 30, 40, 60, 80)),
    *(Case(f"{side} pixels", (2400, 2400), [side]) for side in (600, 1200, 2000)),
    Case("60 pixels in 12 megapixels", (4000, 3000), [60] * 8),
    Case("120 pixels in 12 megapixels", (4000, 3000), [120] * 8),
    Case("turned by EXIF", (1200, 900), [200] * 4, encode=_turned_by_exif),
    Case("16 bits", (1200, 900), [200] * 4, encode=_sixteen_bits),
    Case("CMYK", (1200, 900), [200] * 4, encode=_save("JPEG", lambda image: image.convert("CMYK"), quality=90)),
    Case("GIF", (1200, 900), [200] * 4, encode=_save("GIF")),
    Case("WebP", (1200, 900), [200] * 4, encode=_save("WEBP", quality=80)),
)


def match_faces(scene: Scene, found: tuple[FoundFace, ...]) -> int:
    """Count the placed faces that were found; a found face counts for one of them."""
    left = list(found)
    for placed in scene.faces:
        near = next((face for face in left if _is_at(face, placed)), None)
        if near:
            left.remove(near)
    return len(found) - len(left)


def _is_at(face: FoundFace, placed: PlacedFace) -> bool:
    x, y = face.box.left + face.box.width / 2, face.box.top + face.box.height / 2
    ratio = measure_side(face) / placed.side
    return np.hypot(x - placed.x, y - placed.y) < 0.3 * placed.side and 0.5 < ratio < 2


def measure_case(case: Case, finder: FaceFinder, scenes: int) -> str:
    """Return the row of a case."""
    hits = placed = false = 0
    seconds = []
    for seed in range(scenes):
        scene = draw_scene(case.size, case.sides, np.random.default_rng(seed), case.tilt)
        content = case.encode(scene.pixels)
        started = time.process_time()
        found = finder.find(read_photo(content).pixels)
        seconds.append(time.process_time() - started)
        matched = match_faces(scene, found)
        hits, placed, false = hits + matched, placed + len(scene.faces), false + len(found) - matched
    recall = "" if not placed else f"{hits} of {placed}"
    if placed:
        low, high = wilson_interval(hits, placed)
        recall += f", {100 * hits / placed:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
    width, height = case.size
    return f"| {case.name} | {width}x{height} | {recall} | {false} | {np.median(seconds):.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=10, help="scenes a case")
    options = parser.parse_args()
    finder = FaceFinder()
    print("| scenes | pixels | faces found | false faces | core-seconds a photo |\n|---|---|---|---|---|")
    for case in CASES:
        print(measure_case(case, finder, options.scenes), flush=True)


if __name__ == "__main__":
    main()
