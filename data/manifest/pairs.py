"""Pairs of images: within which limits they show the same picture, and how they are stored as numbers.

A million images have tens of millions of pairs with similar hashes, so a pair is one number of 64 bits, its code:
(first * images + second) * 2 + mirrored, with the positions first < second.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.base.record import Record


class NearDuplicateConfig(Record):
    """Limits within which two images count as the same picture."""

    hash_distance: int = Field(
        default=14, ge=0, le=20, description="largest Hamming distance, in bits of 64, of a pair judged on its pixels"
    )
    minimum_similarity: float = Field(
        default=0.82, ge=0.5, le=1, description="smallest correlation of the band-passed pixels of a near-duplicate"
    )
    shift_pixels: int = Field(
        default=2, ge=0, le=4, description="how far one picture may be moved against the other, each way"
    )
    mirrored: bool = Field(default=True, description="whether a mirrored copy counts")


def encode_pairs(
    one: NDArray[np.int64], other: NDArray[np.int64], mirrored: NDArray[np.bool_], images: int
) -> NDArray[np.int64]:
    """Return the code of each pair, whichever of the two images is named first."""
    return (np.minimum(one, other) * images + np.maximum(one, other)) * 2 + mirrored


def decode_pairs(
    codes: NDArray[np.int64], images: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the positions first < second of each pair, and whether one of the two is mirrored."""
    first, second = np.divmod(codes >> 1, max(images, 1))
    return first, second, (codes & 1).astype(bool)
