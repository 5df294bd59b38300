"""Reading of photos: every kind upright in RGB, and each refusal with its outcome."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from data.photos.reading import PhotoLimits, PhotoRefused, read_photo

RED, BLUE = (200, 30, 40), (20, 60, 180)


def make_picture(width: int = 24, height: int = 16) -> Image.Image:
    """Return a picture whose upper half is red and whose lower half is blue."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (0, height // 2, width, height))
    return picture


def encode(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def is_near(pixel, colour, tolerance=12) -> bool:
    return bool(np.abs(np.array(pixel, dtype=int) - colour).max() <= tolerance)


def refusal(source, limits=PhotoLimits()) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as caught:
        read_photo(source, limits)
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        encode(make_picture(), "JPEG", quality=95),
        encode(make_picture().convert("CMYK"), "JPEG", quality=95),
        encode(make_picture(), "PNG"),
        encode(make_picture().quantize(4), "PNG"),
        encode(make_picture().convert("RGBA"), "PNG"),
        encode(make_picture().quantize(4), "GIF"),
        encode(make_picture(), "WEBP", lossless=True),
        encode(make_picture(), "BMP"),
        encode(make_picture(), "TIFF"),
    ],
    ids=["jpeg", "cmyk", "png", "palette", "rgba", "gif", "webp", "bmp", "tiff"],
)
def test_every_kind_becomes_the_same_rgb_pixels(content):
    pixels = read_photo(content).pixels
    assert (pixels.shape, pixels.dtype) == ((16, 24, 3), np.uint8)
    assert is_near(pixels[3, 12], RED)
    assert is_near(pixels[12, 12], BLUE)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photo_turned_by_exif_is_upright(orientation):
    back = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]  # the operation that undoes this one
    stored = Image.Exif()
    stored[0x112] = back
    image = make_picture()
    image.getexif()[0x112] = back
    turned = ImageOps.exif_transpose(image)
    stored[0x112] = orientation
    photo = read_photo(encode(turned, "JPEG", quality=95, exif=stored))
    assert photo.pixels.shape == (16, 24, 3)
    assert is_near(photo.pixels[3, 12], RED)
    assert "turned upright" in photo.notes


def test_sixteen_bits_become_eight():
    levels = np.linspace(0, 65535, 16 * 24).reshape(16, 24).astype(np.uint16)
    photo = read_photo(encode(Image.fromarray(levels), "PNG"))
    assert np.abs(photo.pixels[:, :, 1].astype(float) - levels / 257).max() <= 0.5
    assert photo.notes == ("16 bits to 8",)


def test_transparent_places_are_white_and_a_gif_shows_its_first_picture():
    assert (read_photo(encode(Image.new("RGBA", (8, 8), (9, 9, 9, 0)), "PNG")).pixels == 255).all()
    frames = [Image.new("L", (8, 8), level).convert("P") for level in (40, 240)]
    photo = read_photo(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert is_near(photo.pixels[4, 4], (40, 40, 40))
    assert "first of 2 pictures" in photo.notes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF picture"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "an HTML page"),
        ("Grüße von der See".encode(), "a text"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (bytes(range(256)), "unknown kind"),
        (b"\xff\xd8\xff" + bytes(40), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
        (b"GIF89a" + b"\xff" * 4, "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "damaged"),
    ],
)
def test_what_is_no_photo_is_told_apart(content, words):
    error = refusal(content)
    assert error.outcome == "unreadable"
    assert words in str(error)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_a_photo_that_breaks_off_is_refused(kind, options):
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encode(Image.fromarray(noise), kind, **options)
    assert refusal(content[: len(content) * 2 // 3]).outcome == "unreadable"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(kind, monkeypatch):
    content = encode(Image.new("1", (9_000, 9_000)), kind, **({"compression": "group4"} if kind == "TIFF" else {}))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    for plugin in ("PngImagePlugin.PngImageFile", "GifImagePlugin.GifImageFile", "TiffImagePlugin.TiffImageFile"):
        monkeypatch.setattr(f"PIL.{plugin}.load", lambda self: pytest.fail("decoded"))
    error = refusal(content)
    assert error.outcome == "too_large"
    assert "9000x9000" in str(error)


def test_a_file_with_too_many_bytes_is_refused_by_its_size(tmp_path):
    content = encode(make_picture(), "BMP")
    limits = PhotoLimits(max_bytes=len(content) - 1)
    path = tmp_path / "photo.bmp"
    path.write_bytes(content)
    assert refusal(content, limits).outcome == refusal(path, limits).outcome == "too_large"
    assert read_photo(path, PhotoLimits(max_bytes=len(content))).width == 24


def test_what_cannot_be_reached_is_unavailable(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, tmp_path / "missing.jpg", pipe, Path("a\0b.jpg")):
        assert refusal(path).outcome == "unavailable"


def test_an_error_keeps_its_outcome_when_pickled():
    error = pickle.loads(pickle.dumps(PhotoRefused("too many pixels", "too_large")))
    assert (str(error), error.outcome) == ("too many pixels", "too_large")
