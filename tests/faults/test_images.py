"""Hostile images: each is a row of the manifest that says what it is, or a row of a file that is no image."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from data.manifest.measures import describe_image, read_file
from tests.data.manifest.test_table import write_png_header
from tests.faults.limited_child import Case, Handled
from tests.support.image_tree import make_pixels

pytestmark = pytest.mark.faults
KIND = "images"

INPUT = "train/sad/0.jpg"
PIXELS = make_pixels(np.random.default_rng(3))
FACE = Image.fromarray(PIXELS)


def describe(folder: Path) -> list:
    """Return what the manifest says of the image: decodable, gray, format, width and height."""
    row = describe_image(read_file(folder, INPUT))
    return [row["decodable"], row["gray"], row["format"], row["width"], row["height"]]


def encoded(image: Image.Image, name: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def case(name: str, content: bytes | Callable[[Path], None], *expected) -> Case:
    def prepare(folder: Path) -> None:
        path = folder / INPUT
        path.parent.mkdir(parents=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content)

    return Case(name, prepare, describe, Handled(list(expected)))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of these chunks, each with its right checksum."""
    pieces = [struct.pack(">I", len(body)) + name + body + zlib.crc32(name + body).to_bytes(4) for name, body in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def png_header(width: int, height: int, depth: int = 8, colour: int = 0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def header_of(width: int, height: int) -> Callable[[Path], None]:
    return lambda path: write_png_header(path, width, height)


def too_large(width: int, height: int) -> tuple:
    return False, False, "PNG", width, height


def with_segment(marker: int, body: bytes) -> bytes:
    """Return the JPEG with a further segment behind its start."""
    return JPEG[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + JPEG[2:]


def with_size(width: int, height: int) -> bytes:
    """Return the JPEG with another size in its frame header."""
    place = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:place] + struct.pack(">HH", height, width) + JPEG[place + 4 :]


def damaged(seed: int) -> bytes:
    """Return the JPEG with 40 random bytes of its headers changed."""
    generator, content = random.Random(seed), bytearray(JPEG)
    for _ in range(40):
        content[generator.randrange(2, 300)] = generator.randrange(256)
    return bytes(content)


def look_at_many(folder: Path) -> int:
    """Describe 200 images with random damage; return how many rows there are."""
    path = folder / INPUT
    path.parent.mkdir(parents=True)
    rows = 0
    for seed in range(200):
        path.write_bytes(damaged(seed))
        rows += bool(describe_image(read_file(folder, INPUT)))
    return rows


JPEG = encoded(FACE, quality=95)
PNG = encoded(FACE, "PNG")
END = (b"IEND", b"")
NONE = (False, False, "", 0, 0)
WHOLE_JPEG = (True, True, "JPEG", 48, 48)
WHOLE_PNG = (True, True, "PNG", 48, 48)
HUGE = 2**31 - 1
BLACK = Image.new("L", (48, 48))
NO_COLOURS = png(png_header(8, 8, 8, 3), (b"IDAT", zlib.compress(bytes(72))), END)
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
LONG_COMMENT = png(png_header(48, 48), (b"zTXt", b"c\0\0" + zlib.compress(bytes(100 << 20))), END)
TEXTS = PngImagePlugin.PngInfo()
TEXTS.add_text("comment", "x" * 200_000, zip=True)
RANDOM = random.Random(5).randbytes(3000)
ICC = b"ICC_PROFILE\0\x01\x01" + RANDOM
EXIF = b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff\xff" + RANDOM

CASES = [
    case("empty", b"", *NONE),
    case("text", b"no image", *NONE),
    case("noise", RANDOM, *NONE),
    case("HTML", b"<!DOCTYPE html><html><script>alert(1)</script></html>", *NONE),
    case("SVG with script", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', *NONE),
    case("start of a JPEG alone", b"\xff\xd8\xff", *NONE),
    case("start of a PNG alone", PNG[:8], *NONE),
    case("JPEG cut in its headers", JPEG[:100], *NONE),
    case("JPEG cut in half", JPEG[: len(JPEG) // 2], False, False, "JPEG", 48, 48),
    case("JPEG without its last 200 bytes", JPEG[:-200], False, False, "JPEG", 48, 48),
    case("PNG cut in half", PNG[: len(PNG) // 2], False, False, "PNG", 48, 48),
    case("PNG with a wrong checksum", PNG[:-16] + b"\0\0\0\0" + PNG[-12:], *WHOLE_PNG),
    case("JPEG with bytes behind its end", JPEG + RANDOM, *WHOLE_JPEG),
    case("JPEG and a zip in one file", JPEG + b"PK\x03\x04" + RANDOM, *WHOLE_JPEG),
    case("PNG bomb of 60,000 x 60,000", header_of(60_000, 60_000), *too_large(60_000, 60_000)),
    case("PNG of 2 billion pixels a side", header_of(HUGE, HUGE), *too_large(HUGE, HUGE)),
    case("PNG one pixel high, 16 million wide", header_of(2**24 + 1, 1), *too_large(2**24 + 1, 1)),
    case("PNG of 4,096 x 4,096 zeros", encoded(Image.new("L", (4096, 4096)), "PNG"), True, True, "PNG", 4096, 4096),
    case("PNG of 4,097 x 4,097", encoded(Image.new("L", (4097, 4097)), "PNG"), False, False, "PNG", 4097, 4097),
    case("PNG of size 0", png(png_header(0, 0), (b"IDAT", zlib.compress(b"")), END), *NONE),
    case("JPEG that claims 65,000 x 65,000", with_size(65_000, 65_000), False, False, "JPEG", 65_000, 65_000),
    case("JPEG that claims 4,000 x 4,000", with_size(4000, 4000), False, False, "JPEG", 4000, 4000),
    case("1 x 1", encoded(Image.new("L", (1, 1))), True, True, "JPEG", 1, 1),
    case("1 x 10,000", encoded(Image.new("L", (1, 10_000))), True, True, "JPEG", 1, 10_000),
    case("16 bits", encoded(Image.fromarray(PIXELS.astype(np.uint16) * 256), "PNG"), *WHOLE_PNG),
    case("1 bit", encoded(FACE.convert("1"), "PNG"), *WHOLE_PNG),
    case("palette", encoded(FACE.convert("RGB").quantize(4), "PNG"), *WHOLE_PNG),
    case("palette without colours", NO_COLOURS, False, False, "PNG", 8, 8),
    case("transparent", encoded(FACE.convert("LA"), "PNG"), *WHOLE_PNG),
    case("CMYK", encoded(FACE.convert("CMYK")), *WHOLE_JPEG),
    case("RGB in colours", encoded(Image.new("RGB", (48, 48), (200, 30, 30))), True, False, "JPEG", 48, 48),
    case("animated PNG", encoded(FACE, "PNG", save_all=True, append_images=[BLACK] * 20), *WHOLE_PNG),
    case("animated GIF", encoded(FACE, "GIF", save_all=True, append_images=[BLACK] * 20), *NONE),
    case("BMP", encoded(FACE, "BMP"), *NONE),
    case("TIFF", encoded(FACE, "TIFF"), *NONE),
    case("WebP", encoded(FACE, "WEBP"), *NONE),
    case("EPS", encoded(FACE, "EPS"), *NONE),
    case("PNG named .jpg", PNG, *WHOLE_PNG),
    case("ICC profile of noise", with_segment(0xE2, ICC), *WHOLE_JPEG),
    case("ICC profile of noise in a PNG", encoded(FACE, "PNG", icc_profile=RANDOM), *WHOLE_PNG),
    case("EXIF of noise", with_segment(0xE1, EXIF), *WHOLE_JPEG),
    case("EXIF that turns by 90 degrees", with_segment(0xE1, TURNED), *WHOLE_JPEG),
    case("long comment in a PNG", encoded(FACE, "PNG", pnginfo=TEXTS), *WHOLE_PNG),
    case("compressed comment of 100 MB in a PNG", LONG_COMMENT, *NONE),
    case("progressive JPEG", encoded(FACE, progressive=True), *WHOLE_JPEG),
    case("JPEG of 2,000 empty segments", JPEG[:2] + b"\xff\xfe\0\x02" * 2000 + JPEG[2:], *WHOLE_JPEG),
    Case("200 JPEGs with random bytes in their headers", lambda folder: None, look_at_many, Handled(200)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_image_is_a_row(case, check):
    check(case)
