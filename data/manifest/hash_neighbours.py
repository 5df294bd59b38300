"""Candidates of the search for near-duplicates: pairs of images with similar perceptual hashes, in sorted lists.

Of each sorted list, only pairs with similar descriptors are kept, so that memory grows with the number of images.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.manifest.compared_pictures import compare_descriptors, open_descriptors, split_range
from data.manifest.decoding import HASH_BITS, decode_hashes
from data.manifest.pairs import NearDuplicateConfig, decode_pairs, encode_pairs
from data.system.shard_processes import MapShards

SORTED_ORDERS = 64
"""Random orders of the bits in which the hashes are sorted."""

NEIGHBOURS = 8
"""Number of following hashes with which each hash is compared, in each order. Among 40,000 hashes, such neighbours
share about 12 leading bits: two hashes that differ in 12 bits are neighbours in one of 13 orders, and the chance that
they are neighbours in none of the 64 orders is 1 in 150."""

DESCRIPTOR_MARGIN = 0.14
"""A pair whose descriptors have a cosine that is below the smallest similarity by more than this margin is dropped. On
30,762 real faces that loses none of 3,305 pairs and drops two thirds of the others."""

PAIRS_PER_BLOCK = 65_536

WAITING_CODES = 2**20
"""Fewest codes that are sorted into those that are known."""

MOST_PER_IMAGE = 64
"""Largest mean number of candidates that are kept for an image; 30,762 real faces have 5. Above it, as among the frames
of one film, each image keeps those with the next images of the manifest: they connect all that are alike."""


class SortedOrder(NamedTuple):
    """A shard: one order of the bits in which the hashes are sorted."""

    permutation: NDArray[np.int64]
    numbers: Path
    """File of the hashes as numbers: those of the images, then those of the mirrored images."""
    descriptors: Path | None
    """Folder of the descriptors, if pairs with other descriptors are to be dropped."""
    images: int
    config: NearDuplicateConfig


def find_candidates(
    hashes: pd.Series,
    mirrored_hashes: pd.Series,
    config: NearDuplicateConfig = NearDuplicateConfig(),
    descriptors: Path | None = None,
    map_shards: MapShards = map,
) -> NDArray[np.int64]:
    """Pair images whose perceptual hashes are close, without comparing all with all.

    The hashes are sorted by their bits in several random orders, and each is compared with its next neighbours: two
    hashes that differ in few bits have a long common prefix in some of the orders. Time and memory are proportional
    to the number of images, even if many hashes are equal.

    Args:
        hashes: 64-bit perceptual hashes, 16 hex digits each.
        mirrored_hashes: the hashes of the same images mirrored.
        config: `shift_pixels` is not used.
        descriptors: folder of the images' descriptors; pairs whose descriptors differ much are dropped.
        map_shards: sorts in the orders.

    Returns:
        The codes of the pairs, int64 (pairs,), sorted; see `data.manifest.pairs`.

    Source: Charikar, "Similarity estimation techniques from rounding algorithms", 2002: sorted random permutations.
    """
    images = len(hashes)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="hashes-") as folder:
        numbers = Path(folder) / "numbers"
        decode_hashes(pd.concat([hashes, mirrored_hashes]) if config.mirrored else hashes).tofile(numbers)
        orders = (
            SortedOrder(rng.permutation(HASH_BITS), numbers, descriptors, images, config) for _ in range(SORTED_ORDERS)
        )
        return _unite(map_shards(compare_neighbours, orders if images > 1 else ()), images)


def measure_distances(codes: NDArray[np.int64], hashes: pd.Series, mirrored_hashes: pd.Series) -> NDArray[np.uint8]:
    """Return the number of bits in which the hashes of each pair differ, uint8 (pairs,)."""
    plain, turned = (decode_hashes(column).view(np.uint64).ravel() for column in (hashes, mirrored_hashes))
    first, second, mirrored = decode_pairs(codes, len(hashes))
    as_they_are = np.bitwise_count(plain[first] ^ plain[second])
    # Hashes are rounded: either of the two images may be the one that is mirrored.
    either = np.minimum(*(np.bitwise_count(plain[a] ^ turned[b]) for a, b in ((first, second), (second, first))))
    return np.where(mirrored, either, as_they_are)


def compare_neighbours(order: SortedOrder) -> NDArray[np.int64]:
    """Return the codes of the close pairs among neighbours in one sorted order, sorted."""
    numbers = np.fromfile(order.numbers, dtype=np.uint64)
    places = _sort_numbers(numbers, order.permutation)
    ordered, close = numbers[places], []
    for step in range(1, NEIGHBOURS + 1):
        differing = np.bitwise_count(ordered[:-step] ^ ordered[step:])
        near = np.flatnonzero(differing <= order.config.hash_distance)
        close.append(_encode_neighbours(places[near], places[near + step], order.images))
    codes = np.unique(np.concatenate(close))
    return codes if order.descriptors is None else _drop_different(codes, order.descriptors, order)


def _sort_numbers(numbers: NDArray[np.uint64], permutation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of the numbers in the order of their permuted bits.

    The last bits of a sorted key are the position itself: sorting numbers is ten times as fast as sorting positions,
    and two hashes that differ only in these bits are close in any case.
    """
    octets = numbers.view(np.uint8).reshape(-1, HASH_BITS // 8)
    keys = np.zeros(len(numbers), dtype=np.uint64)
    for octet in range(HASH_BITS // 8):
        bits = np.zeros((256, HASH_BITS), dtype=np.uint8)
        bits[:, octet * 8 : octet * 8 + 8] = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
        permuted = np.packbits(bits.take(permutation, axis=1), axis=1).view(">u8").ravel().astype(np.uint64)
        keys |= permuted[octets[:, octet]]
    places = np.uint64(2 ** int(len(numbers) - 1).bit_length() - 1)
    keys = (keys & ~places) | np.arange(len(numbers), dtype=np.uint64)
    keys.sort()
    return (keys & places).astype(np.int64)


def _encode_neighbours(one: NDArray[np.int64], other: NDArray[np.int64], images: int) -> NDArray[np.int64]:
    """Return the codes of pairs of positions among the hashes."""
    # Positions from `images` on are of mirrored images: a pair of two mirrored images adds nothing, and an image that
    # resembles its own mirror image is not a pair. (a, mirrored b) and (mirrored a, b) are one pair.
    turned, other_turned = one >= images, other >= images
    one, other = one - turned * images, other - other_turned * images
    kept = ~(turned & other_turned) & (one != other)
    return encode_pairs(one[kept], other[kept], (turned ^ other_turned)[kept], images)


def _drop_different(codes: NDArray[np.int64], folder: Path, order: SortedOrder) -> NDArray[np.int64]:
    """Return the codes of the pairs whose descriptors are similar."""
    descriptors = open_descriptors(folder)
    similar = np.zeros(len(codes), dtype=bool)
    for block in split_range(len(codes), PAIRS_PER_BLOCK):
        first, second, mirrored = decode_pairs(codes[block], order.images)
        cosines = compare_descriptors(descriptors[first], descriptors[second], mirrored)
        similar[block] = cosines >= order.config.minimum_similarity - DESCRIPTOR_MARGIN
    return codes[similar]


def _unite(parts: Iterable[NDArray[np.int64]], images: int) -> NDArray[np.int64]:
    """Return the sorted distinct codes of all parts, sorted only when enough new ones wait."""
    known, waiting = np.empty(0, dtype=np.int64), []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) > max(WAITING_CODES, len(known) // 2):
            known, waiting = _merge([known, *waiting], images), []
    return _merge([known, *waiting], images)


def _merge(parts: list[NDArray[np.int64]], images: int) -> NDArray[np.int64]:
    """Return the sorted distinct codes of these parts, at most so many for each image."""
    codes = np.concatenate(parts)
    codes.sort()
    codes = codes[_differs_from_earlier(codes, 1)]
    if len(codes) > MOST_PER_IMAGE * images:
        codes = codes[_differs_from_earlier(codes // (2 * images), MOST_PER_IMAGE)]
    return codes


def _differs_from_earlier(values: NDArray[np.int64], places: int) -> NDArray[np.bool_]:
    """Tell of each sorted value whether the value so many places before it is another."""
    differs = np.ones(len(values), dtype=bool)
    differs[places:] = values[places:] != values[:-places]
    return differs
