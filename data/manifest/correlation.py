"""Correlation of pairs of pictures: how similar are their pixels at the best shift?"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.manifest.compared_pictures import HALVED, WHOLE, open_pictures, split_range
from data.manifest.pairs import NearDuplicateConfig, decode_pairs
from data.system.shard_processes import MapShards

MINIMUM_DETAIL = 0.5
"""Root mean square in gray levels after the band-pass; a picture below it is flat: its correlation means nothing."""

ROUGH_MARGIN = 0.2
"""A pair is first compared at half the size; if the result is below the limit by more than this margin, the pair is
dropped. On 30,762 real faces a margin of 0.14 loses no pair."""

PAIRS_PER_SHARD = 32_768
"""So few that the parts of the files that one shard reads take a few hundred megabytes of memory at most."""

PAIRS_PER_BLOCK = 512


class PairsToCompare(NamedTuple):
    """A shard: pairs that are compared on their pixels."""

    codes: NDArray[np.int64]
    pictures: Path
    """Folder of the stored pictures, see `data.manifest.compared_pictures`."""
    images: int
    config: NearDuplicateConfig


class AlikePairs(NamedTuple):
    """Pairs that show the same picture."""

    codes: NDArray[np.int64]
    similarity: NDArray[np.float32]


def find_alike(
    codes: NDArray[np.int64], pictures: Path, images: int, config: NearDuplicateConfig, map_shards: MapShards = map
) -> AlikePairs:
    """Choose the pairs whose pixels correlate.

    Args:
        codes: of the candidates, see `data.manifest.pairs`.
        pictures: folder of the stored pictures, see `data.manifest.compared_pictures`.
        images: number of the pictures.
        config: its `minimum_similarity` and `shift_pixels` are used.
        map_shards: compares the pairs of each shard.

    Returns:
        The codes in their order, int64 (pairs,), and the correlation of each, float32 (pairs,), up to 1.
    """
    blocks = split_range(len(codes), PAIRS_PER_SHARD)
    found = list(map_shards(compare_pairs, (PairsToCompare(codes[b], pictures, images, config) for b in blocks)))
    kept, similarity = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    return AlikePairs(
        np.concatenate([kept, *(part.codes for part in found)]),
        np.concatenate([similarity, *(part.similarity for part in found)]),
    )


def compare_pairs(shard: PairsToCompare) -> AlikePairs:
    """Choose the pairs of one shard whose pixels correlate."""
    halved, whole = (open_pictures(shard.pictures, name) for name in (HALVED, WHOLE))
    similarity, config = np.zeros(len(shard.codes), dtype=np.float32), shard.config
    for block in split_range(len(shard.codes), PAIRS_PER_BLOCK):
        codes = shard.codes[block]
        rough = correlate_pictures(*_read_pairs(halved, codes, shard.images), (config.shift_pixels + 1) // 2)
        likely = np.flatnonzero(rough >= config.minimum_similarity - ROUGH_MARGIN)
        rough[likely] = correlate_pictures(*_read_pairs(whole, codes[likely], shard.images), config.shift_pixels)
        similarity[block] = rough
    alike = similarity >= config.minimum_similarity
    return AlikePairs(shard.codes[alike], similarity[alike])


def _read_pairs(
    stored: NDArray[np.void], codes: NDArray[np.int64], images: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both pictures of each pair in gray levels, float32 (pairs, side, side), the second mirrored if it is."""
    first, second, mirrored = decode_pairs(codes, images)
    steps, gray_levels = stored["steps"], stored["gray_levels"][:, None, None]
    left, right = steps[first], steps[second]
    right[mirrored] = right[mirrored, :, ::-1]
    return left * gray_levels[first], right * gray_levels[second]


def correlate_pictures(left: NDArray[np.float32], right: NDArray[np.float32], shift_pixels: int) -> NDArray[np.float32]:
    """Correlate pairs of band-passed pictures, each at its best shift.

    Args:
        left: (pairs, side, side), see `data.manifest.compared_pictures.band_pass`.
        right: the other picture of each pair, likewise.
        shift_pixels: how far `right` is moved at most, each way; that wide a border of `left` is left out.

    Returns:
        float32 (pairs,), -1..1; 1 for the same picture, 0 if one of the two is flat.
    """
    width = left.shape[1]
    side = width - 2 * shift_pixels
    inside = slice(shift_pixels, shift_pixels + side)
    middle = np.zeros_like(left)
    middle[:, inside, inside] = left[:, inside, inside]
    # From its first to its last pixel the middle is one row of numbers, with zeros where the border is, and so is the
    # window that it is multiplied with: a long row of numbers is multiplied much faster than many short ones.
    length = (side - 1) * width + side
    start = shift_pixels * width + shift_pixels
    middle, flat = (pictures.reshape(len(left), width * width) for pictures in (middle, right))
    middle = middle[:, start : start + length]
    shifts = list(np.ndindex(2 * shift_pixels + 1, 2 * shift_pixels + 1))
    middle_norm, window_norms = np.sqrt(np.vecdot(middle, middle)), _measure_windows(flat, width, side, shifts)
    flattest = MINIMUM_DETAIL * side
    best = np.full(len(left), -1, dtype=np.float32)
    for (down, across), window_norm in zip(shifts, window_norms, strict=True):
        offset = down * width + across
        product = np.vecdot(middle, flat[:, offset : offset + length])
        detailed = np.minimum(middle_norm, window_norm) >= flattest
        best = np.maximum(best, np.where(detailed, product / np.maximum(middle_norm * window_norm, flattest**2), 0))
    return best


def _measure_windows(
    flat: NDArray[np.float32], width: int, side: int, shifts: list[tuple[int, int]]
) -> NDArray[np.float32]:
    """Return the norm of each picture in the window at each shift, float32 (shifts, pictures)."""
    windows = np.zeros((width, width, len(shifts)), dtype=np.float32)
    for number, (down, across) in enumerate(shifts):
        windows[down : down + side, across : across + side, number] = 1
    return np.sqrt(np.square(flat) @ windows.reshape(-1, len(shifts))).T
