"""Augmented views of images, computed in batches and seeded for each image separately.

An image's bytes in a view depend only on the seed, the view, its id and the configuration; batch, shard, threads and
order change nothing.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from data.base.errors import PipelineError
from data.base.record import Record

UNIFORMS_PER_IMAGE = 13
"""Count of uniform numbers that are drawn for each image; another count would change every image's noise."""


class AugmentConfig(Record):
    """Ranges from which the geometry, light, noise and erased rectangle of a view are drawn uniformly."""

    horizontal_flip: bool = Field(default=False, description="mirror every second image, on average")
    width_shift: float = Field(default=0.0, ge=0, le=0.5, description="largest shift sideways, fraction of the width")
    height_shift: float = Field(default=0.0, ge=0, le=0.5, description="largest shift up or down, fraction of height")
    rotation_degrees: float = Field(default=0.0, ge=0, le=180, description="largest rotation either way")
    zoom: float = Field(default=0.0, ge=0, le=0.5, description="size factor between 1 - zoom and 1 + zoom")
    brightness_low: float = Field(default=1.0, ge=0, le=4, description="least factor on all pixels")
    brightness_high: float = Field(default=1.0, ge=0, le=4, description="greatest factor on all pixels")
    contrast_low: float = Field(default=1.0, ge=0, le=4, description="least factor on the distance from the mean")
    contrast_high: float = Field(default=1.0, ge=0, le=4, description="greatest factor on the distance from the mean")
    noise_variance_low: float = Field(
        default=0.0, ge=0, le=2500, description="least variance of Gaussian noise, 0..255"
    )
    noise_variance_high: float = Field(
        default=0.0, ge=0, le=2500, description="greatest variance of Gaussian noise, 0..255"
    )
    erasing_probability: float = Field(default=0.0, ge=0, le=1, description="share of images with an erased rectangle")
    erasing_area_low: float = Field(default=0.02, gt=0, le=0.5, description="least erased fraction of the area")
    erasing_area_high: float = Field(default=0.15, gt=0, le=0.5, description="greatest erased fraction of the area")

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        for name in ("brightness", "contrast", "noise_variance", "erasing_area"):
            low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
            if low > high:
                raise ValueError(f"{name}_low is {low}, above {name}_high {high}: exchange them")
        return self


NO_AUGMENT = AugmentConfig()
"""Settings without augmentation: every view equals the original."""

SEED_AUGMENT = AugmentConfig(
    horizontal_flip=True,
    width_shift=0.2,
    height_shift=0.2,
    brightness_low=0.3,
    brightness_high=1.0,
    noise_variance_low=1.0,
    noise_variance_high=25.0,
)
"""Augmentation of the notebook that this project replaces."""

LIGHT_AUGMENT = AugmentConfig(
    horizontal_flip=True,
    width_shift=0.08,
    height_shift=0.08,
    rotation_degrees=10.0,
    zoom=0.1,
    brightness_low=0.85,
    brightness_high=1.15,
    contrast_low=0.85,
    contrast_high=1.15,
)
"""Small changes of pose and light, as between two photographs of one face."""

STRONG_AUGMENT = LIGHT_AUGMENT.model_copy(
    update={
        "width_shift": 0.1,
        "height_shift": 0.1,
        "rotation_degrees": 15.0,
        "zoom": 0.15,
        "contrast_low": 0.7,
        "contrast_high": 1.3,
        "noise_variance_high": 25.0,
        "erasing_probability": 0.3,
        "erasing_area_high": 0.2,
    }
)
"""Larger changes for long trainings, which would otherwise memorise the train images. Brightness changes as in
LIGHT_AUGMENT, because the project's own networks standardise it away."""

NAMED_AUGMENTS = {"none": NO_AUGMENT, "light": LIGHT_AUGMENT, "strong": STRONG_AUGMENT, "seed": SEED_AUGMENT}
"""Settings that a preset file can give by name."""


def _find_named(value: Any) -> Any:
    if isinstance(value, str):
        if value not in NAMED_AUGMENTS:
            raise ValueError(f"got {value!r}, expected one of {', '.join(NAMED_AUGMENTS)} or an object of settings")
        return NAMED_AUGMENTS[value]
    return value


AugmentChoice = Annotated[AugmentConfig, BeforeValidator(_find_named)]
"""Settings of augmentation, or a name of `NAMED_AUGMENTS` in their place."""


class ViewsConfig(Record):
    """Views of the train part that a variant is trained on."""

    augment: AugmentChoice
    views: int = Field(ge=1, le=100, description="Whole augmented copies of the train part; view 0 is the original")

    @property
    def title(self) -> str:
        """What the views are, in a few words."""
        if self.views == 1 or self.augment == NO_AUGMENT:
            return "views without augmentation"
        return f"{self.views} views"


PLAIN_VIEWS = ViewsConfig(augment=NO_AUGMENT, views=1)
"""The original images alone."""


def augment_batch(
    images: NDArray[np.uint8], image_ids: Sequence[str], view: int, seed: int, config: AugmentConfig
) -> NDArray[np.uint8]:
    """Make one view of a batch: flip, shift, rotation and zoom in one resampling, then light, noise and erasing.

    Pixels from outside the image repeat the nearest edge pixel, as Keras' directory loader does.

    Args:
        images: pixels, uint8 (n, height, width, channels), 0..255.
        image_ids: n names that are the same in every run.
        view: 0 is the original; every other number is another draw.
        seed: seed of the run.
        config: ranges of the random changes.

    Returns:
        uint8 of the same shape; the images themselves for view 0.

    Raises:
        PipelineError: images are not uint8 of rank 4, or the ids do not match them in number.
    """
    _check_batch(images, image_ids)
    if view == 0 or not len(images):
        return images
    uniforms, noise = _draw(images.shape, image_ids, view, seed)
    pixels = _transform(images, uniforms[:, :5], config)
    _change_light(pixels, uniforms[:, 5:7], config)
    variance = _between(uniforms[:, 7], config.noise_variance_low, config.noise_variance_high)
    pixels += np.sqrt(variance) * noise
    _erase(pixels, uniforms[:, 8:13], config)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _check_batch(images: NDArray[np.uint8], image_ids: Sequence[str]) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise PipelineError(
            f"got images of {images.dtype} {images.shape}, expected uint8 (n, height, width, channels): convert them"
        )
    if len(images) != len(image_ids):
        raise PipelineError(f"got {len(image_ids)} ids for {len(images)} images: give each image its own id")


def _draw(
    shape: tuple[int, ...], image_ids: Sequence[str], view: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return uniform numbers (n, UNIFORMS_PER_IMAGE) and standard normal noise of this shape, image by image."""
    uniforms = np.empty((len(image_ids), UNIFORMS_PER_IMAGE), np.float32)
    noise = np.empty(shape, np.float32)
    for row, image_id in enumerate(image_ids):
        key = hashlib.blake2b(f"{seed}|{view}|{image_id}".encode(), digest_size=16).digest()
        rng = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        rng.random(out=uniforms[row], dtype=np.float32)
        rng.standard_normal(out=noise[row], dtype=np.float32)
    return uniforms, noise


def _between(uniforms: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Return numbers between low and high as (n, 1, 1, 1), to multiply images with."""
    return (low + (high - low) * uniforms).astype(np.float32)[:, None, None, None]


def _transform(images: NDArray[np.uint8], uniforms: NDArray[np.float32], config: AugmentConfig) -> NDArray[np.float32]:
    """Resample the images once, bilinearly, under flip, rotation, zoom and shift."""
    import tensorflow as tf

    height, width = images.shape[1:3]
    transformed = tf.raw_ops.ImageProjectiveTransformV3(
        images=images.astype(np.float32),
        transforms=_affine_rows(uniforms, (height, width), config),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return np.array(transformed)


def _affine_rows(uniforms: NDArray[np.float32], size: tuple[int, int], config: AugmentConfig) -> NDArray[np.float32]:
    """Return (n, 8) rows that map output points to input points, about the centre of the image."""
    height, width = size
    mirror = np.where(config.horizontal_flip & (uniforms[:, 0] < 0.5), -1.0, 1.0)
    shift_x, shift_y, turn, growth = (2 * uniforms[:, column] - 1 for column in range(1, 5))
    angle, scale = np.deg2rad(config.rotation_degrees) * turn, 1 / (1 + config.zoom * growth)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    from_x = centre_x + config.width_shift * width * shift_x
    from_y = centre_y + config.height_shift * height * shift_y
    a0, a1, b0, b1 = mirror * cosine, -mirror * sine, sine, cosine
    rows = np.zeros((len(uniforms), 8), np.float32)
    rows[:, 0], rows[:, 1], rows[:, 2] = a0, a1, from_x - a0 * centre_x - a1 * centre_y
    rows[:, 3], rows[:, 4], rows[:, 5] = b0, b1, from_y - b0 * centre_x - b1 * centre_y
    return rows


def _change_light(pixels: NDArray[np.float32], uniforms: NDArray[np.float32], config: AugmentConfig) -> None:
    """Change contrast about each image's mean, then brightness, in place."""
    mean = pixels.mean(axis=(1, 2, 3), keepdims=True)
    pixels -= mean
    pixels *= _between(uniforms[:, 0], config.contrast_low, config.contrast_high)
    pixels += mean
    pixels *= _between(uniforms[:, 1], config.brightness_low, config.brightness_high)


def _erase(pixels: NDArray[np.float32], uniforms: NDArray[np.float32], config: AugmentConfig) -> None:
    """Cover a rectangle of some images with their mean, in place.

    Source: Zhong et al. 2020, "Random Erasing Data Augmentation"; sides up to 2:1.
    """
    height, width = pixels.shape[1:3]
    for row in np.flatnonzero(uniforms[:, 0] < config.erasing_probability):
        area = config.erasing_area_low + (config.erasing_area_high - config.erasing_area_low) * uniforms[row, 1]
        ratio = 2.0 ** (2 * uniforms[row, 2] - 1)
        tall = min(height, round(height * float(np.sqrt(area * ratio))))
        wide = min(width, round(width * float(np.sqrt(area / ratio))))
        top = int(uniforms[row, 3] * (height - tall + 1))
        left = int(uniforms[row, 4] * (width - wide + 1))
        pixels[row, top : top + tall, left : left + wide] = pixels[row].mean()
