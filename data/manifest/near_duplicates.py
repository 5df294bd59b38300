"""Search for near-duplicates: the same picture after re-encoding, a shift, mirroring, brightening or a watermark.

Candidates are pairs of images with similar perceptual hashes, found in sorted lists of the hashes. Such pairs are
often two different faces in the same pose and light, so each pair is judged on its pixels: after a band-pass, which
keeps features and edges and removes light and exposure, the two pictures have to correlate.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.manifest.compared_pictures import store_pictures
from data.manifest.correlation import AlikePairs, find_alike
from data.manifest.hash_neighbours import find_candidates, measure_distances
from data.manifest.pairs import NearDuplicateConfig, decode_pairs
from data.manifest.table import require_columns
from data.system.shard_processes import MapShards

logger = logging.getLogger(__name__)


def find_near_duplicates(
    manifest: pd.DataFrame,
    images: Path,
    config: NearDuplicateConfig = NearDuplicateConfig(),
    map_shards: MapShards = map,
) -> pd.Series:
    """Assign every image to the group of images that show the same picture.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.
        images: the data set's root, which the manifest's paths are relative to.
        config: when two images count as the same picture.
        map_shards: applies functions to parts of the work, on this host; the built-in `map` does so in this process.

    Returns:
        The Series `group` (str) with the manifest's index: groups are the connected components of similar pairs and
        of equal pixels, named by their smallest pixel hash, so that an image without a copy has its own. A file that
        cannot be decoded is alone under its path.

    Raises:
        PipelineError: columns of a manifest are missing, or an image cannot be read.
    """
    rows = _find_distinct(manifest)
    alike = _search(manifest.take(rows), images, config, map_shards)
    first, second, _ = decode_pairs(alike.codes, len(rows))
    return _join_rows(manifest, rows[first], rows[second])


def find_similar_pairs(
    manifest: pd.DataFrame,
    images: Path,
    config: NearDuplicateConfig = NearDuplicateConfig(),
    map_shards: MapShards = map,
) -> pd.DataFrame:
    """List the pairs of images that differ in their pixels and show the same picture.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.
        images: the data set's root, which the manifest's paths are relative to.
        config: when two images count as the same picture.
        map_shards: applies functions to parts of the work, on this host; the built-in `map` does so in this process.

    Returns:
        The columns `first` and `second` (paths), `distance` (bits), `mirrored` (bool) and `similarity` (0..1), most
        similar first. Of images with equal pixels only the first in the manifest stands for all.

    Raises:
        PipelineError: columns of a manifest are missing, or an image cannot be read.
    """
    distinct = manifest.take(_find_distinct(manifest))
    alike = _search(distinct, images, config, map_shards)
    first, second, mirrored = decode_pairs(alike.codes, len(distinct))
    paths = distinct["path"].to_numpy()
    pairs = pd.DataFrame(
        {
            "first": paths[first],
            "second": paths[second],
            "distance": measure_distances(alike.codes, distinct["perceptual_hash"], distinct["mirrored_hash"]),
            "mirrored": mirrored,
            "similarity": alike.similarity,
        }
    )
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
    row_of_path = pd.Series(np.arange(len(manifest)), index=manifest["path"])
    return _join_rows(manifest, *(row_of_path.loc[pairs[side]].to_numpy() for side in ("first", "second")))


def _find_distinct(manifest: pd.DataFrame) -> NDArray[np.intp]:
    """Return the positions of the rows that are compared: of equal pixels the first."""
    require_columns(manifest)
    pixels = manifest["pixel_sha256"]
    rows = np.flatnonzero(manifest["decodable"] & (pixels != ""))
    return rows[~pixels.take(rows).duplicated()]


def _search(distinct: pd.DataFrame, images: Path, config: NearDuplicateConfig, map_shards: MapShards) -> AlikePairs:
    """Return the pairs that are alike among images with different pixels."""
    with tempfile.TemporaryDirectory(prefix="near-duplicates-") as name:
        folder = Path(name)
        store_pictures(images, distinct["path"].to_numpy(), folder, map_shards)
        codes = find_candidates(
            distinct["perceptual_hash"], distinct["mirrored_hash"], config, descriptors=folder, map_shards=map_shards
        )
        alike = find_alike(codes, folder, len(distinct), config, map_shards)
    logger.info("%d images, %d similar pairs, %d of them alike", len(distinct), len(codes), len(alike.codes))
    return alike


def _join_rows(manifest: pd.DataFrame, first: NDArray[np.intp], second: NDArray[np.intp]) -> pd.Series:
    """Name the connected components of pairs of rows and of rows with equal pixels."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pixels = manifest["pixel_sha256"].where(manifest["pixel_sha256"] != "", manifest["path"])
    # Codes of sorted names, so that the smallest code of a component is its smallest name.
    codes, names = pd.factorize(pixels, sort=True)
    edges = coo_array((np.ones(len(first), dtype=bool), (codes[first], codes[second])), shape=(len(names), len(names)))
    _, components = connected_components(edges, directed=False)
    smallest = pd.Series(np.arange(len(names))).groupby(components).transform("min").to_numpy()
    return pd.Series(np.asarray(names)[smallest[codes]], index=manifest.index, name="group", dtype="str")
