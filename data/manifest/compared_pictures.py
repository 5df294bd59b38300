"""Pictures as they are compared: band-passed and in temporary files, with a short descriptor of each.

The files have 3 kB a picture and stay on the disk: the search holds only the pictures that it compares at a time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.manifest.decoding import read_gray
from data.system.shard_processes import MapShards

COMPARED_SIDE = 48
"""Height and width in pixels at which two pictures are compared; the blurs below are in pixels of this size."""

FINE_BLUR_PIXELS, COARSE_BLUR_PIXELS = 1.0, 3.0
"""Standard deviations of the band-pass. The fine blur removes noise and JPEG blocks. The result of the coarse blur,
shading and the place of the head, is subtracted because it is similar in any two portraits."""

WHOLE, HALVED, DESCRIPTORS = "whole", "halved", "descriptors"
"""Names of the files of the band-passed pictures, of the same at half the size, and of the descriptors."""

SIDES = {WHOLE: COMPARED_SIDE, HALVED: COMPARED_SIDE // 2}
"""Height and width in pixels of the pictures of each file."""

MOST_STEPS = 127
"""Steps of the brightest or darkest pixel of a stored picture. On real faces, storing them so changes a correlation by
0.0002."""

DESCRIPTOR_SIDE = 8
"""Frequencies of the descriptor, down and across."""

FREQUENCY_EXPONENT = 0.25
"""Low frequencies are the largest and tell most about light: each is multiplied by this power of its frequency."""

PICTURES_PER_SHARD = 2_000


class PictureFiles(NamedTuple):
    """A shard: image files that become pictures."""

    images: Path
    """The data set's root."""
    paths: tuple[str, ...]
    """Relative to the root."""
    start: int
    """Position of the first of them among all pictures."""
    folder: Path
    """Where the files of the pictures and of the descriptors are."""


def store_pictures(images: Path, paths: NDArray[np.object_], folder: Path, map_shards: MapShards = map) -> None:
    """Write the pictures and the descriptors of image files.

    Args:
        images: the data set's root.
        paths: of the image files, relative to the root.
        folder: for the files, see `open_pictures` and `open_descriptors`.
        map_shards: reads the files of each shard.

    Raises:
        PipelineError: an image cannot be read.
    """
    for name in (WHOLE, HALVED, DESCRIPTORS):
        (folder / name).touch()
    starts = range(0, len(paths), PICTURES_PER_SHARD)
    shards = (PictureFiles(images, tuple(paths[i : i + PICTURES_PER_SHARD]), i, folder) for i in starts)
    for _ in map_shards(store_shard, shards):
        pass


def store_shard(shard: PictureFiles) -> None:
    """Write the pictures and the descriptors of one shard at their places.

    Raises:
        PipelineError: an image cannot be read.
    """
    pixels = np.stack([read_compared(shard.images / path) for path in shard.paths])
    passed = band_pass(pixels)
    halved = passed.reshape(-1, SIDES[HALVED], 2, SIDES[HALVED], 2).mean(axis=(2, 4))
    stored = {WHOLE: pack_pictures(passed), HALVED: pack_pictures(halved), DESCRIPTORS: describe_pictures(pixels)}
    for name, rows in stored.items():
        # Written and not mapped: a full disk is an error here, and would end the process there.
        with (shard.folder / name).open("r+b") as file:
            file.seek(shard.start * rows[:1].nbytes)
            file.write(rows.tobytes())


def open_pictures(folder: Path, name: str) -> NDArray[np.void]:
    """Map stored pictures into memory, see `pack_pictures`: `WHOLE` or `HALVED` ones."""
    return np.asarray(np.memmap(folder / name, dtype=_packed_type(SIDES[name]), mode="r"))


def open_descriptors(folder: Path) -> NDArray[np.int8]:
    """Map the stored descriptors into memory: int8 (images, 64), see `describe_pictures`."""
    stored = np.memmap(folder / DESCRIPTORS, dtype=np.int8, mode="r")
    return np.asarray(stored).reshape(-1, DESCRIPTOR_SIDE**2)


def read_compared(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to gray at the compared size: uint8 (48, 48), 0..255.

    Raises:
        PipelineError: the file is missing or cannot be decoded.
    """
    gray = read_gray(path)
    if gray.size != (COMPARED_SIDE, COMPARED_SIDE):
        gray = gray.resize((COMPARED_SIDE, COMPARED_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(gray)


def band_pass(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Remove all details from pictures that are finer or coarser than the features of a face.

    Args:
        pixels: gray, (images, 48, 48), 0..255.

    Returns:
        float32 (images, 48, 48), in gray levels around 0, whatever the brightness.
    """
    from scipy import ndimage

    # A blur multiplies the rows and the columns by the same matrix.
    unit = np.eye(COMPARED_SIDE, dtype=np.float32)
    fine, coarse = (ndimage.gaussian_filter1d(unit, sigma, axis=0) for sigma in (FINE_BLUR_PIXELS, COARSE_BLUR_PIXELS))
    values = pixels.astype(np.float32)
    return fine @ values @ fine.T - coarse @ values @ coarse.T


def pack_pictures(passed: NDArray[np.float32]) -> NDArray[np.void]:
    """Store the pixels of pictures in a byte each.

    Args:
        passed: band-passed pictures, (images, side, side).

    Returns:
        (images,) with the fields `steps`, int8 (side, side), and `gray_levels`, float32: how many a step has.
    """
    packed = np.empty(len(passed), dtype=_packed_type(passed.shape[1]))
    packed["gray_levels"] = np.maximum(np.abs(passed).max(axis=(1, 2)) / MOST_STEPS, np.finfo(np.float32).tiny)
    packed["steps"] = np.rint(passed / packed["gray_levels"][:, None, None])
    return packed


def _packed_type(side: int) -> np.dtype[np.void]:
    return np.dtype([("gray_levels", np.float32), ("steps", np.int8, (side, side))])


def describe_pictures(pixels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Describe gray pictures by their low frequencies, whatever their brightness and contrast.

    Args:
        pixels: gray, (images, 48, 48), 0..255.

    Returns:
        int8 (images, 64): 127 times a vector of length 1, the weighted lowest 8x8 frequencies of the cosine transform
        (DCT-II); 0 for a picture of one gray level. It depends on no other picture.
    """
    frequencies, places = np.arange(DESCRIPTOR_SIDE)[:, None], np.arange(COMPARED_SIDE)
    waves = np.cos(np.pi * frequencies * (2 * places + 1) / (2 * COMPARED_SIDE)).astype(np.float32)
    waves[0] /= np.sqrt(2)
    # The mean gray level has the frequency 0 and so the weight 0.
    weights = np.hypot(frequencies, frequencies.T) ** FREQUENCY_EXPONENT
    found = (waves @ pixels.astype(np.float32) @ waves.T * weights).reshape(len(pixels), -1)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    # Rounding leaves a little in a picture of one gray level.
    return np.rint(found * np.where(length < 1, 0, MOST_STEPS / np.maximum(length, 1))).astype(np.int8)


def compare_descriptors(
    left: NDArray[np.int8], right: NDArray[np.int8], mirrored: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the cosine of each pair of descriptors, float32 (pairs,), -1..1, `right` mirrored where it says so."""
    # Mirrored left to right, a wave that is odd across changes its sign.
    signs = np.tile((-1.0) ** np.arange(DESCRIPTOR_SIDE), DESCRIPTOR_SIDE).astype(np.float32)
    values = left.astype(np.float32)
    values[mirrored] *= signs
    return np.einsum("nk,nk->n", values, right.astype(np.float32)) / MOST_STEPS**2


def split_range(length: int, block: int) -> Iterator[slice]:
    """Divide positions 0..length into blocks."""
    return (slice(start, start + block) for start in range(0, length, block))
