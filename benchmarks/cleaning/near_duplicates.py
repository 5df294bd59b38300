"""Time and memory of the search for near-duplicate candidates, for growing numbers of images.

`python -m benchmarks.cleaning.near_duplicates` generates perceptual hashes and prints a table; `--images N ...` sets
the sizes. Every tenth hash is a copy of an earlier one with a few changed bits, as many as a shift by one pixel
changes.
"""

import argparse
import multiprocessing
import resource
import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.manifest.decoding import HASH_BITS
from data.manifest.hash_neighbours import find_candidates
from data.manifest.pairs import NearDuplicateConfig, decode_pairs

SIZES = (25_000, 50_000, 100_000, 200_000, 400_000, 1_000_000)
CHANGED_BITS = 4
"""Number of ones and of zeros that are changed in a copy: a perceptual hash has as many ones as zeros."""


def generate_hashes(images: int, seed: int) -> NDArray[np.uint8]:
    """Generate hashes with as many ones as zeros; every tenth is a copy of the hash nine places before it.

    Returns:
        (images, 64) bits, 0 or 1.
    """
    rng = np.random.default_rng(seed)
    bits = np.tile(np.arange(HASH_BITS) % 2, (images, 1)).astype(np.uint8)
    bits = rng.permuted(bits, axis=1)
    copies = np.arange(9, images, 10)
    bits[copies] = bits[copies - 9]
    for value in (0, 1):
        # The changed bits are those of this value that have the largest of random numbers.
        chosen = rng.random((len(copies), HASH_BITS)) * (bits[copies - 9] == value)
        changed = np.argpartition(chosen, -CHANGED_BITS, axis=1)[:, -CHANGED_BITS:]
        bits[copies[:, None], changed] = 1 - value
    return bits


def to_hex(bits: NDArray[np.uint8]) -> pd.Series:
    """Format each row of bits as 16 hex digits."""
    return pd.Series([row.tobytes().hex() for row in np.packbits(bits, axis=1)], dtype="str")


def measure(images: int) -> dict[str, float]:
    """Search once among this number of images; in its own process, so that its peak memory is that of the search."""
    bits = generate_hashes(images, seed=images)
    hashes, mirrored = to_hex(bits), to_hex(bits ^ (np.arange(HASH_BITS) % 2).astype(np.uint8))
    del bits
    before, cpu = time.perf_counter(), time.process_time()
    pairs = find_candidates(hashes, mirrored, NearDuplicateConfig())
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu
    first, second, turned = decode_pairs(pairs, images)
    planted = np.count_nonzero((second - first == 9) & (second % 10 == 9) & ~turned)
    return {
        "images": images,
        "seconds": round(seconds, 2),
        "core microseconds an image": round(cpu / images * 1e6, 1),
        "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "pairs": len(pairs),
        "recall": round(planted / (images // 10), 4),
    }


def main() -> None:
    """Print one row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=SIZES)
    sizes = parser.parse_args().images
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        print(pd.DataFrame([pool.apply(measure, (size,)) for size in sizes]).to_string(index=False))


if __name__ == "__main__":
    main()
