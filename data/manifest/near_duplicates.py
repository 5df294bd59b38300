"""Search for near-duplicates: the same picture after re-encoding, a shift, mirroring, brightening or a watermark.

Candidates are pairs of images with similar perceptual hashes, found in sorted lists of the hashes. Such pairs are
often two different faces in the same pose and light, so each pair is judged on its pixels: after a band-pass, which
keeps features and edges and removes light and exposure, the two pictures have to correlate.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from data.base.record import Record
from data.manifest.decoding import HASH_BITS, decode_hashes, read_gray
from data.manifest.table import require_columns

logger = logging.getLogger(__name__)

COMPARED_SIDE = 48
"""Height and width in pixels at which two pictures are compared; the blurs below are in pixels of this size."""

SORTED_ORDERS = 64
"""Random orders of the bits in which the hashes are sorted."""

NEIGHBOURS = 8
"""Number of following hashes with which each hash is compared, in each order. Among 40,000 hashes, such neighbours
share about 12 leading bits: two hashes that differ in 12 bits are neighbours in one of 13 orders, and the chance that
they are neighbours in none of the 64 orders is 1 in 150."""

FINE_BLUR_PIXELS, COARSE_BLUR_PIXELS = 1.0, 3.0
"""Standard deviations of the band-pass. The fine blur removes noise and JPEG blocks. The result of the coarse blur,
shading and the place of the head, is subtracted because it is similar in any two portraits."""

MINIMUM_DETAIL = 0.5
"""Root mean square in gray levels after the band-pass; a picture below it is flat: its correlation means nothing."""

ROUGH_MARGIN = 0.3
"""A pair is first compared on every second row and column; if the result is below the limit by more than this margin,
the pair is dropped. On 20,000 real faces a margin of 0.22 loses no pair."""

PAIRS_PER_BLOCK = 1_024


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


def find_near_duplicates(
    manifest: pd.DataFrame, images: Path, config: NearDuplicateConfig = NearDuplicateConfig()
) -> pd.Series:
    """Assign every image to the group of images that show the same picture.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.
        images: the data set's root, which the manifest's paths are relative to.
        config: when two images count as the same picture.

    Returns:
        The Series `group` (str) with the manifest's index: groups are the connected components of similar pairs and
        of equal pixels, named by their smallest pixel hash, so that an image without a copy has its own. A file that
        cannot be decoded is alone under its path.

    Raises:
        PipelineError: columns of a manifest are missing, or an image cannot be read.
    """
    return group_images(manifest, find_similar_pairs(manifest, images, config))


def find_similar_pairs(
    manifest: pd.DataFrame, images: Path, config: NearDuplicateConfig = NearDuplicateConfig()
) -> pd.DataFrame:
    """List the pairs of images that differ in their pixels and show the same picture.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.
        images: the data set's root, which the manifest's paths are relative to.
        config: when two images count as the same picture.

    Returns:
        The columns `first` and `second` (paths), `distance` (bits), `mirrored` (bool) and `similarity` (0..1), most
        similar first. Of images with equal pixels only the first in the manifest stands for all.

    Raises:
        PipelineError: columns of a manifest are missing, or an image cannot be read.
    """
    require_columns(manifest)
    distinct = manifest[manifest["decodable"] & (manifest["pixel_sha256"] != "")].drop_duplicates("pixel_sha256")
    candidates = find_candidates(distinct["perceptual_hash"], distinct["mirrored_hash"], config)
    paths = distinct["path"].to_numpy()
    candidates["similarity"] = _measure_similarity(candidates, paths, images, config)
    pairs = candidates[candidates["similarity"] >= config.minimum_similarity]
    logger.info("%d images, %d pairs with similar hashes, %d of them alike", len(paths), len(candidates), len(pairs))
    pairs = pairs.assign(first=paths[pairs["first"]], second=paths[pairs["second"]])
    pairs = pairs.sort_values("similarity", ascending=False, kind="stable")
    # A symmetric face resembles its copy both as it is and mirrored.
    return pairs.drop_duplicates(["first", "second"], ignore_index=True)


def group_images(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Join pairs to groups; see `find_near_duplicates`.

    Args:
        manifest: one row an image.
        pairs: paths of the manifest in the columns `first` and `second`.

    Returns:
        The Series `group` (str) with the manifest's index.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pixels = manifest["pixel_sha256"].where(manifest["pixel_sha256"] != "", manifest["path"])
    # Codes of sorted names, so that the smallest code of a component is its smallest name.
    codes, names = pd.factorize(pixels, sort=True)
    code_of_path = pd.Series(codes, index=manifest["path"])
    first, second = (code_of_path.loc[pairs[side]].to_numpy() for side in ("first", "second"))
    edges = coo_array((np.ones(len(pairs), dtype=bool), (first, second)), shape=(len(names), len(names)))
    _, components = connected_components(edges, directed=False)
    smallest = pd.Series(np.arange(len(names))).groupby(components).transform("min").to_numpy()
    return pd.Series(np.asarray(names)[smallest[codes]], index=manifest.index, name="group", dtype="str")


def find_candidates(
    hashes: pd.Series, mirrored_hashes: pd.Series, config: NearDuplicateConfig = NearDuplicateConfig()
) -> pd.DataFrame:
    """Pair images whose perceptual hashes are close, without comparing all with all.

    The hashes are sorted by their bits in several random orders, and each is compared with its next neighbours: two
    hashes that differ in few bits have a long common prefix in some of the orders. Time and memory are proportional
    to the number of images, even if many hashes are equal.

    Args:
        hashes: 64-bit perceptual hashes, 16 hex digits each.
        mirrored_hashes: the hashes of the same images mirrored.
        config: its `hash_distance` and `mirrored` are used.

    Returns:
        The columns `first` < `second` (positions), `distance` (bits) and `mirrored` (bool: one of the two is).

    Source: Charikar, "Similarity estimation techniques from rounding algorithms", 2002: sorted random permutations.
    """
    images = len(hashes)
    codes = decode_hashes(pd.concat([hashes, mirrored_hashes]) if config.mirrored else hashes)
    bits = np.unpackbits(codes, axis=1)
    numbers = codes.view(np.uint64).ravel()
    rng = np.random.default_rng(0)
    found = np.empty(0, dtype=np.int64)
    for _ in range(SORTED_ORDERS):
        keys = np.packbits(bits.take(rng.permutation(HASH_BITS), axis=1), axis=1).view(">u8").ravel().astype(np.uint64)
        order = np.argsort(keys, kind="stable")
        found = np.union1d(found, _compare_neighbours(order, numbers, images, config.hash_distance))
    left, right = np.divmod(found, len(codes) or 1)
    place = right % (images or 1)
    pairs = pd.DataFrame(
        {
            "first": np.minimum(left, place),
            "second": np.maximum(left, place),
            "distance": np.bitwise_count(numbers[left] ^ numbers[right]),
            "mirrored": right >= images,
        }
    )
    # (a, mirrored b) and (b, mirrored a) are one pair.
    pairs = pairs.sort_values(["distance", "first", "second"], ignore_index=True)
    return pairs.drop_duplicates(["first", "second", "mirrored"], ignore_index=True)


def _compare_neighbours(
    order: NDArray[np.int64], numbers: NDArray[np.uint64], images: int, hash_distance: int
) -> NDArray[np.int64]:
    """Return the close pairs among neighbours in a sorted order, each as first * len(numbers) + second."""
    close = []
    ordered = numbers[order]
    for step in range(1, NEIGHBOURS + 1):
        near = np.flatnonzero(np.bitwise_count(ordered[:-step] ^ ordered[step:]) <= hash_distance)
        left, right = np.minimum(order[near], order[near + step]), np.maximum(order[near], order[near + step])
        # Numbers from `images` on are of mirrored images: a pair of two mirrored images adds nothing, and an image that
        # resembles its own mirror image is not a pair.
        kept = (left < images) & (left != right % images)
        close.append(left[kept] * len(numbers) + right[kept])
    return np.concatenate(close)


def _measure_similarity(
    candidates: pd.DataFrame, paths: NDArray[np.object_], images: Path, config: NearDuplicateConfig
) -> NDArray[np.float32]:
    """Return the correlation of each candidate pair, float32 (pairs,), -1..1; rough for a pair far below the limit."""
    needed, places = np.unique(candidates[["first", "second"]].to_numpy(), return_inverse=True)
    # Half precision holds a band-passed picture to a thousandth, in half the memory.
    pictures = np.zeros((len(needed), COMPARED_SIDE, COMPARED_SIDE), dtype=np.float16)
    for start in range(0, len(needed), PAIRS_PER_BLOCK):
        block = needed[start : start + PAIRS_PER_BLOCK]
        pictures[start : start + len(block)] = band_pass(np.stack([_read_pixels(images / paths[i]) for i in block]))
    places, mirrored = places.reshape(-1, 2), candidates["mirrored"].to_numpy(dtype=bool)
    similarity = np.zeros(len(candidates), dtype=np.float32)
    for start in range(0, len(candidates), PAIRS_PER_BLOCK):
        block = slice(start, start + PAIRS_PER_BLOCK)
        left, right = (pictures[places[block, side]].astype(np.float32) for side in (0, 1))
        right[mirrored[block]] = right[mirrored[block], :, ::-1]
        rough = correlate_pictures(left[:, ::2, ::2], right[:, ::2, ::2], (config.shift_pixels + 1) // 2)
        likely = rough >= config.minimum_similarity - ROUGH_MARGIN
        rough[likely] = correlate_pictures(left[likely], right[likely], config.shift_pixels)
        similarity[block] = rough
    return similarity


def _read_pixels(path: Path) -> NDArray[np.uint8]:
    gray = read_gray(path)
    if gray.size != (COMPARED_SIDE, COMPARED_SIDE):
        gray = gray.resize((COMPARED_SIDE, COMPARED_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(gray)


def correlate_pictures(left: NDArray[np.float32], right: NDArray[np.float32], shift_pixels: int) -> NDArray[np.float32]:
    """Correlate pairs of band-passed pictures, each at its best shift.

    Args:
        left: (pairs, side, side), see `band_pass`.
        right: the other picture of each pair, likewise.
        shift_pixels: how far `right` is moved at most, each way; that wide a border of `left` is left out.

    Returns:
        float32 (pairs,), -1..1; 1 for the same picture, 0 if one of the two is flat.
    """
    side = left.shape[1] - 2 * shift_pixels
    middle = np.ascontiguousarray(left[:, shift_pixels : shift_pixels + side, shift_pixels : shift_pixels + side])
    middle_norm = _norm(middle)
    flattest = MINIMUM_DETAIL * side
    best = np.full(len(left), -1, dtype=np.float32)
    for down, across in np.ndindex(2 * shift_pixels + 1, 2 * shift_pixels + 1):
        window = right[:, down : down + side, across : across + side]
        window_norm = _norm(window)
        detailed = np.minimum(middle_norm, window_norm) >= flattest
        product = np.einsum("nij,nij->n", middle, window)
        best = np.maximum(best, np.where(detailed, product / np.maximum(middle_norm * window_norm, flattest**2), 0))
    return best


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


def _norm(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sqrt(np.einsum("nij,nij->n", pictures, pictures))
