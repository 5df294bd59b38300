"""Augmented views: what each range does, and that an image's bytes depend on nothing but itself."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.views.augment import LIGHT_AUGMENT, NO_AUGMENT, SEED_AUGMENT, AugmentConfig, augment_batch

EVERYTHING = AugmentConfig(
    horizontal_flip=True,
    width_shift=0.1,
    height_shift=0.1,
    rotation_degrees=20,
    zoom=0.2,
    brightness_low=0.7,
    brightness_high=1.2,
    contrast_low=0.7,
    contrast_high=1.2,
    noise_variance_low=1,
    noise_variance_high=25,
    erasing_probability=0.5,
)


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(60, 180, (40, 48, 48, 1), dtype=np.uint8)


@pytest.fixture
def ids() -> list[str]:
    return [f"train/happy/{number}.jpg" for number in range(40)]


def test_view_zero_and_the_empty_recipe_are_the_original(images: NDArray[np.uint8], ids: list[str]) -> None:
    np.testing.assert_array_equal(augment_batch(images, ids, 0, 42, EVERYTHING), images)
    np.testing.assert_array_equal(augment_batch(images, ids, 3, 42, NO_AUGMENT), images)


@pytest.mark.parametrize("config", [EVERYTHING, SEED_AUGMENT, LIGHT_AUGMENT], ids=["everything", "seed", "light"])
def test_an_image_is_the_same_in_any_batch_and_order(
    config: AugmentConfig, images: NDArray[np.uint8], ids: list[str]
) -> None:
    whole = augment_batch(images, ids, 2, 42, config)
    for row in (0, 17, 39):
        np.testing.assert_array_equal(
            augment_batch(images[row : row + 1], ids[row : row + 1], 2, 42, config)[0], whole[row]
        )
    backwards = augment_batch(images[::-1], ids[::-1], 2, 42, config)
    np.testing.assert_array_equal(backwards[::-1], whole)


def test_seed_view_and_id_each_give_another_draw(images: NDArray[np.uint8], ids: list[str]) -> None:
    base = augment_batch(images, ids, 1, 42, EVERYTHING)
    others = [
        augment_batch(images, ids, 2, 42, EVERYTHING),
        augment_batch(images, ids, 1, 43, EVERYTHING),
        augment_batch(images, [f"other/{name}" for name in ids], 1, 42, EVERYTHING),
    ]
    for other in others:
        assert (base != other).any(axis=(1, 2, 3)).all()


def test_flip_mirrors_about_half_and_leaves_the_rest(images: NDArray[np.uint8], ids: list[str]) -> None:
    flipped = augment_batch(images, ids, 1, 42, AugmentConfig(horizontal_flip=True))
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (flipped == images).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 8 < mirrored.sum() < 32


def test_shift_moves_no_further_than_asked_and_repeats_the_edge(ids: list[str]) -> None:
    ramp = np.broadcast_to(np.arange(48, dtype=np.uint8)[None, None, :, None] * 4, (40, 48, 48, 1)).copy()
    shifted = augment_batch(ramp, ids, 1, 42, AugmentConfig(width_shift=0.25)).astype(int)
    moved = (shifted[:, 24, 24, 0] - 24 * 4) / 4
    assert np.abs(moved).max() <= 12.2
    assert moved.min() < -6 and moved.max() > 6
    assert (shifted[moved > 1, :, -1] == 47 * 4).all()


def test_rotation_and_zoom_keep_the_centre(ids: list[str]) -> None:
    disc = np.zeros((40, 48, 48, 1), np.uint8)
    rows, columns = np.mgrid[:48, :48] - 23.5
    disc[:, np.hypot(rows, columns) < 10] = 255
    turned = augment_batch(disc, ids, 1, 42, AugmentConfig(rotation_degrees=90))
    assert np.abs(turned.mean(axis=(1, 2, 3)) - disc.mean()).max() < 1.5
    zoomed = augment_batch(disc, ids, 1, 42, AugmentConfig(zoom=0.4)).mean(axis=(1, 2, 3)) / disc.mean()
    assert zoomed.min() > 0.6**2 - 0.05 and zoomed.max() < 1.4**2 + 0.05
    assert zoomed.min() < 0.6 and zoomed.max() > 1.5


def test_brightness_and_contrast_stay_in_their_ranges(images: NDArray[np.uint8], ids: list[str]) -> None:
    darker = augment_batch(images, ids, 1, 42, AugmentConfig(brightness_low=0.3, brightness_high=0.8))
    factor = darker.mean(axis=(1, 2, 3)) / images.mean(axis=(1, 2, 3))
    assert 0.29 < factor.min() < 0.4 and 0.7 < factor.max() < 0.81
    flatter = augment_batch(images, ids, 1, 42, AugmentConfig(contrast_low=0.2, contrast_high=0.6))
    factor = flatter.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert 0.19 < factor.min() < 0.3 and 0.5 < factor.max() < 0.61
    np.testing.assert_allclose(flatter.mean(axis=(1, 2, 3)), images.mean(axis=(1, 2, 3)), atol=0.5)


def test_noise_has_the_variance_asked_for(ids: list[str]) -> None:
    flat = np.full((40, 48, 48, 1), 128, np.uint8)
    noisy = augment_batch(flat, ids, 1, 42, AugmentConfig(noise_variance_low=100, noise_variance_high=100))
    np.testing.assert_allclose(noisy.astype(float).var(axis=(1, 2, 3)), 100, rtol=0.15)
    assert abs(noisy.mean() - 128) < 0.2


def test_erasing_covers_the_share_asked_for(images: NDArray[np.uint8], ids: list[str]) -> None:
    config = AugmentConfig(erasing_probability=0.5, erasing_area_low=0.1, erasing_area_high=0.2)
    erased = augment_batch(images, ids, 1, 42, config) != images
    share = erased.mean(axis=(1, 2, 3))
    touched = share > 0
    assert 10 < touched.sum() < 30
    assert share[touched].min() > 0.08 and share[touched].max() < 0.22


def test_a_range_upside_down_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"brightness_low is 1\.5"):
        AugmentConfig(brightness_low=1.5, brightness_high=1.2)


def test_images_of_another_kind_are_refused(images: NDArray[np.uint8], ids: list[str]) -> None:
    with pytest.raises(PipelineError, match="float64"):
        augment_batch(images.astype(np.float64), ids, 1, 42, NO_AUGMENT)  # pyright: ignore[reportArgumentType]
    with pytest.raises(PipelineError, match="39 ids for 40 images"):
        augment_batch(images, ids[:-1], 1, 42, NO_AUGMENT)
