"""Candidates: pairs of close hashes are found, crowded hashes stay few, other descriptors are dropped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.manifest import hash_neighbours
from data.manifest.compared_pictures import DESCRIPTORS
from data.manifest.hash_neighbours import find_candidates, measure_distances
from data.manifest.near_duplicates import group_images
from data.manifest.pairs import NearDuplicateConfig, decode_pairs, encode_pairs
from tests.support.image_tree import make_manifest


def write_hex(hashes: np.ndarray) -> pd.Series:
    """Return hashes of 8 bytes as 16 digits."""
    return pd.Series([row.tobytes().hex() for row in hashes], dtype="str")


def test_candidates_are_the_close_hashes() -> None:
    random = np.random.default_rng(4)
    hashes = random.integers(0, 256, (500, 8)).astype(np.uint8)
    hashes[400:] = hashes[:100]
    for number in range(400, 500):
        changed = random.choice(64, 6, replace=False)
        hashes[number] ^= np.packbits(np.isin(np.arange(64), changed))
    mirrored = random.integers(0, 256, (500, 8)).astype(np.uint8)
    mirrored[7], mirrored[300] = hashes[250], hashes[260]
    plain_text, mirrored_text = (pd.Series([row.tobytes().hex() for row in rows]) for rows in (hashes, mirrored))
    found = find_candidates(plain_text, mirrored_text, NearDuplicateConfig(hash_distance=6))
    distances = measure_distances(found, plain_text, mirrored_text).tolist()
    first, second, turned = (column.tolist() for column in decode_pairs(found, len(plain_text)))
    assert len(found) == 102 and set(zip(first, second, distances, turned, strict=True)) == {
        *((number, number + 400, 6, False) for number in range(100)), (7, 250, 0, True), (260, 300, 0, True),
    }  # fmt: skip


def test_crowded_hashes_cost_no_quadratic_work() -> None:
    hashes = pd.Series(["f0" * 8] * 5_000)
    assert len(find_candidates(hashes, hashes)) < 100 * len(hashes)


def make_film(frames: int) -> pd.Series:
    """Return hashes that differ from one another in a few bits."""
    random = np.random.default_rng(1)
    bits = np.tile(random.integers(0, 2, 64), (frames, 1))
    return write_hex(np.packbits(bits ^ (random.random(bits.shape) < 0.03), axis=1))


def test_each_frame_of_a_film_is_paired_with_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes, config = make_film(600), NearDuplicateConfig(mirrored=False)
    everything = find_candidates(hashes, hashes, config)
    monkeypatch.setattr(hash_neighbours, "MOST_PER_IMAGE", 5)
    few = find_candidates(hashes, hashes, config)
    first, second, _ = decode_pairs(few, len(hashes))
    assert len(everything) > 20 * len(hashes) and np.isin(few, everything).all()
    assert np.bincount(first).max() == 5 and np.mean(second - first) < 100
    manifest = make_manifest([("train", "sad", str(number)) for number in range(len(hashes))])
    paths = manifest["path"].to_numpy()
    assert group_images(manifest, pd.DataFrame({"first": paths[first], "second": paths[second]})).nunique() == 1


def test_the_pairs_do_not_depend_on_when_they_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes, config = make_film(100), NearDuplicateConfig(mirrored=False)
    found = find_candidates(hashes, hashes, config)
    monkeypatch.setattr(hash_neighbours, "WAITING_CODES", 1)
    assert (np.diff(found) > 0).all() and len(found) > 20 * len(hashes)
    assert find_candidates(hashes, hashes, config).tolist() == found.tolist()


def test_pairs_with_other_descriptors_are_dropped(tmp_path: Path) -> None:
    hashes = make_film(40)
    kinds = np.zeros((40, 64), dtype=np.int8)
    kinds[np.arange(40), 1 + np.arange(40) % 2] = 127  # the second changes its sign if it is mirrored, the first not
    kinds.tofile(tmp_path / DESCRIPTORS)
    first, second, mirrored = decode_pairs(find_candidates(hashes, hashes, descriptors=tmp_path), 40)
    assert (first % 2 == second % 2).all()
    assert set((first % 2)[mirrored]) == {1} and set((first % 2)[~mirrored]) == {0, 1}


@pytest.mark.parametrize("images", [0, 1])
def test_one_image_has_no_pair(images: int) -> None:
    hashes = pd.Series(["0f" * 8] * images, dtype="str")
    assert find_candidates(hashes, hashes).tolist() == []


def test_a_pair_has_one_code_and_a_code_has_one_pair() -> None:
    images = 1_000_000
    one, other = np.array([3, 999_999, 3, 0]), np.array([999_999, 3, 999_999, 1])
    codes = encode_pairs(one, other, np.array([False, False, True, True]), images)
    assert codes[0] == codes[1] and len(set(codes.tolist())) == 3
    first, second, mirrored = decode_pairs(codes, images)
    assert first.tolist() == [3, 3, 3, 0] and second.tolist() == [999_999, 999_999, 999_999, 1]
    assert mirrored.tolist() == [False, False, True, True]
