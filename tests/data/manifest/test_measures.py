"""Damage inside a JPEG, which Pillow fills with gray and does not report."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.manifest.measures import describe_image
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
    assert not describe_image(tmp_path, "0.jpg")["decodable"]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_whole_jpeg_is_decodable_whatever_follows_it(tmp_path: Path, mode: str) -> None:
    for number, raw in enumerate((encode(mode), encode(mode) + b"junk" * 10)):
        (tmp_path / f"{number}.jpg").write_bytes(raw)
        assert describe_image(tmp_path, f"{number}.jpg")["decodable"]
