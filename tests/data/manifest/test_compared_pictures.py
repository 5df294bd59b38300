"""Pictures as they are compared: what their bytes keep, and what a descriptor depends on."""

import numpy as np
import pytest

from data.manifest.compared_pictures import band_pass, compare_descriptors, describe_pictures, pack_pictures
from data.sample.faces import draw_face


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Return drawn faces."""
    random = np.random.default_rng(8)
    return np.stack([draw_face("happy", random) for _ in range(30)])


def compare(left: np.ndarray, right: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return the cosines of the descriptors of two lists of pictures."""
    return compare_descriptors(describe_pictures(left), describe_pictures(right), np.full(len(left), mirrored))


def test_a_stored_picture_differs_by_half_a_step(pixels: np.ndarray) -> None:
    passed = band_pass(pixels)
    packed = pack_pictures(passed)
    error = np.abs(packed["steps"] * packed["gray_levels"][:, None, None] - passed)
    assert (np.abs(packed["steps"]).max(axis=(1, 2)) == 127).all()
    assert (error.max(axis=(1, 2)) <= 0.501 * packed["gray_levels"]).all()


def test_a_descriptor_does_not_depend_on_brightness_and_contrast(pixels: np.ndarray) -> None:
    assert compare(pixels, pixels // 2 + 60, mirrored=False).min() > 0.97
    assert compare(pixels, 255 - pixels, mirrored=False).max() < -0.97


def test_a_mirrored_picture_has_the_mirrored_descriptor(pixels: np.ndarray) -> None:
    assert compare(pixels, pixels[:, :, ::-1], mirrored=True).min() > 0.97
    bright_left = np.repeat([200, 20], 24).astype(np.uint8) * np.ones((1, 48, 1), dtype=np.uint8)
    assert compare(bright_left, bright_left[:, :, ::-1], mirrored=True)[0] > 0.98
    assert compare(bright_left, bright_left, mirrored=True)[0] < -0.98


def test_a_picture_of_one_gray_level_resembles_nothing(pixels: np.ndarray) -> None:
    for level in (0, 137, 255):
        gray = np.full((1, 48, 48), level, dtype=np.uint8)
        assert not describe_pictures(gray).any() and not pack_pictures(band_pass(gray))["gray_levels"].item() > 0.01
        assert compare(gray, gray, mirrored=False).tolist() == [0]
