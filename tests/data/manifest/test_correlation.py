"""Correlation of pairs of pictures: the formula, flat pictures, and the tolerance for shifts."""

import numpy as np
import pytest

from data.manifest.compared_pictures import band_pass
from data.manifest.correlation import correlate_pictures
from tests.support.seed_format import IMAGE_SIZE


def correlate_one(left: np.ndarray, right: np.ndarray, shift: int) -> float:
    """Return the largest correlation over all shifts, one after the other."""
    side = len(left) - 2 * shift
    middle = left[shift : shift + side, shift : shift + side]
    windows = [right[d : d + side, a : a + side] for d, a in np.ndindex(2 * shift + 1, 2 * shift + 1)]
    return max((middle * w).sum() / np.sqrt((middle**2).sum() * (w**2).sum()) for w in windows)


@pytest.mark.parametrize("shift", [0, 1, 2, 4])
def test_pictures_are_correlated_at_every_shift(shift: int) -> None:
    left, right = np.random.default_rng(7).normal(0, 20, (2, 9, 24, 24)).astype(np.float32)
    right[:4] = np.roll(left[:4], (1, -1), axis=(1, 2))
    found = correlate_pictures(left, right, shift)
    assert found == pytest.approx([correlate_one(*pair, shift) for pair in zip(left, right, strict=True)], abs=1e-5)


def test_flat_pictures_resemble_nothing() -> None:
    faint = np.random.default_rng(2).integers(99, 101, (1, IMAGE_SIZE, IMAGE_SIZE)).astype(np.uint8)
    assert correlate_pictures(band_pass(faint), band_pass(faint), 2).tolist() == [0]


@pytest.mark.parametrize(("moved", "tolerance", "alike"), [(2, 2, True), (2, 0, False), (4, 2, False)])
def test_a_picture_is_found_within_the_shift_tolerance(moved: int, tolerance: int, alike: bool) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (60, 60)).astype(np.uint8)
    left, right = pixels[6:54, 6:54], pixels[6:54, 6 + moved : 54 + moved]
    similarity = correlate_pictures(band_pass(left[None]), band_pass(right[None]), tolerance)
    assert bool(similarity[0] > 0.9) is alike


def test_no_pairs_have_no_similarity() -> None:
    nothing = np.empty((0, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    assert correlate_pictures(nothing, nothing, 2).tolist() == []
