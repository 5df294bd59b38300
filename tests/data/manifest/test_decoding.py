"""What networks see of an image file: size, colour and what is converted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.manifest.decoding import fit_to_size, list_conversions, read_gray, read_pixels
from data.manifest.measures import describe_image, read_file

LABELS = ("no", "yes")
GRAY = DataFormat(labels=LABELS)
COLOUR = DataFormat(labels=LABELS, height=64, width=64, channels=3)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def ramp(side: int = 48) -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, 255, side), (side, 1)).astype(np.uint8))


def test_gray_and_colour_are_read_as_asked(tmp_path: Path) -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    path = save(tmp_path / "red.png", red)
    assert (read_pixels(path, COLOUR) == np.asarray(red)).all()
    gray = read_pixels(save(tmp_path / "ramp.png", ramp()), GRAY)
    assert gray.shape == (48, 48, 1) and gray.dtype == np.uint8 and (gray[..., 0] == np.asarray(ramp())).all()
    stacked = read_pixels(save(tmp_path / "gray64.png", ramp(64)), COLOUR)
    assert stacked.shape == (64, 64, 3) and (stacked == stacked[..., :1]).all()


def test_another_size_is_refused_or_resized_whole(tmp_path: Path) -> None:
    path = save(tmp_path / "wide.png", Image.new("L", (96, 48), 200))
    with pytest.raises(PipelineError, match="is 96x48, expected 48x48"):
        read_pixels(path, GRAY)
    assert (read_pixels(path, GRAY.model_copy(update={"resize": True})) == 200).all()


def test_resizing_keeps_the_aspect_and_repeats_the_edge() -> None:
    halves = np.zeros((40, 80), np.uint8)
    halves[:, 40:] = 240
    fitted = np.asarray(fit_to_size(Image.fromarray(halves), (48, 48)))
    assert fitted.shape == (48, 48)
    assert (fitted[:, :20] < 10).all() and (fitted[:, 28:] > 230).all(), "all of it is seen, also above and below"


def test_an_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "turned.jpg", ramp(64).crop((0, 0, 64, 48)), exif=exif, quality=95)
    assert read_gray(path).size == (48, 64)
    assert np.asarray(read_gray(path))[0].mean() < 20 and np.asarray(read_gray(path))[-1].mean() > 235
    row = describe_image(read_file(tmp_path, "turned.jpg"))
    assert (row["width"], row["height"], row["converted"]) == (48, 64, "turned upright")


def deep() -> Image.Image:
    return Image.fromarray((np.asarray(ramp(), np.uint16) * 257).astype(np.uint16))


def transparent() -> Image.Image:
    image = ramp().convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.repeat([0, 255], 24), (48, 1)).astype(np.uint8)))
    return image


CONVERSIONS = {
    "16 bits to 8": (deep, "png"),
    "transparency on white": (transparent, "png"),
    "palette to colour": (lambda: ramp().convert("P"), "png"),
    "CMYK to RGB": (lambda: ramp().convert("CMYK"), "jpg"),
}


@pytest.mark.parametrize("change", CONVERSIONS)
def test_what_is_converted_is_named_and_not_blank(tmp_path: Path, change: str) -> None:
    make, suffix = CONVERSIONS[change]
    path = save(tmp_path / f"0.{suffix}", make())
    with Image.open(path) as image:
        assert list(list_conversions(image)) == [change]
    row = describe_image(read_file(tmp_path, path.name))
    assert row["decodable"] and row["gray"] and row["converted"] == change
    assert row["standard_deviation"] > 30
    pixels = np.asarray(read_gray(path)).astype(int)
    seen = slice(24, 48)
    assert abs(pixels[:, seen] - np.asarray(ramp()).astype(int)[:, seen]).max() < 12
    if change == "transparency on white":
        assert (pixels[:, :24] == 255).all()
