"""Damage inside an image that Pillow fills with gray and does not report, or that it fails on."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.manifest.measures import describe_image, read_file
from tests.support.image_tree import make_pixels

DAMAGES = {
    "ends early": lambda raw, half: raw[:half] + b"\xff\xd9",
    "a restart mark that does not belong there": lambda raw, half: raw[:half] + b"\xff\xd0" + raw[half:],
}


def encode(mode: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(make_pixels(np.random.default_rng(1))).convert(mode).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_jpeg_that_breaks_off_inside_is_not_decodable(tmp_path: Path, mode: str, damage: str) -> None:
    raw = encode(mode)
    (tmp_path / "0.jpg").write_bytes(DAMAGES[damage](raw, len(raw) // 2))
    with Image.open(tmp_path / "0.jpg") as image:
        image.load()  # Pillow sees nothing wrong
    assert not describe_image(read_file(tmp_path, "0.jpg"))["decodable"]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_whole_jpeg_is_decodable_whatever_follows_it(tmp_path: Path, mode: str) -> None:
    for number, raw in enumerate((encode(mode), encode(mode) + b"junk" * 10)):
        (tmp_path / f"{number}.jpg").write_bytes(raw)
        assert describe_image(read_file(tmp_path, f"{number}.jpg"))["decodable"]


def test_a_palette_without_colours_is_damaged(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 3, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(72))) + chunk(b"IEND", b"")
    (tmp_path / "0.png").write_bytes(content)
    row = describe_image(read_file(tmp_path, "0.png"))
    assert not row["decodable"] and row["mode"] == "P" and row["pixel_sha256"] == ""
