"""Near-duplicates: planted copies are found, different faces are not, and groups are the connected components."""

import io
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.manifest import compared_pictures, correlation, hash_neighbours
from data.manifest.hash_neighbours import find_candidates
from data.manifest.near_duplicates import find_near_duplicates, find_similar_pairs, group_images
from data.manifest.pairs import NearDuplicateConfig
from data.manifest.table import build_manifest
from data.sample.faces import draw_face
from tests.support.image_tree import make_manifest, make_pixels, write_image
from tests.support.seed_format import CLASSES, IMAGE_SIZE

FACES = 240
PLANTED_PER_KIND = 60


def encode_again(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the pixels after a JPEG of lower quality."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(random.integers(50, 80)))
    return np.asarray(Image.open(file))


def shift(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the pixels moved by one, straight or diagonally, the border repeated."""
    down, across = [(0, 1), (1, 0), (1, 1), (-1, 1), (0, -1), (-1, 0)][random.integers(6)]
    return np.pad(pixels, 1, "edge")[1 - down : IMAGE_SIZE + 1 - down, 1 - across : IMAGE_SIZE + 1 - across]


def mirror(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the pixels mirrored left to right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def brighten(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the pixels brighter or darker, with clipping."""
    return np.clip(pixels * random.uniform(0.6, 1.35) + random.uniform(-10, 20), 0, 255).astype(np.uint8)


def mirror_and_shift(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the pixels mirrored and moved by one."""
    return shift(mirror(pixels, random), random)


KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "encode_again": encode_again,
    "shift": shift,
    "mirror": mirror,
    "brighten": brighten,
    "mirror_and_shift": mirror_and_shift,
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    """Return the manifest and root of generated faces in train, with copies of each kind in validation."""
    root, random = tmp_path_factory.mktemp("faces"), np.random.default_rng(5)
    drawn = [draw_face(CLASSES[number % 4], random) for number in range(FACES)]
    for number, pixels in enumerate(drawn):
        write_image(root / f"train/{CLASSES[number % 4]}/{number}.png", pixels)
    for kind, change in KINDS.items():
        for number in random.choice(FACES, PLANTED_PER_KIND, replace=False):
            write_image(root / f"validation/{CLASSES[number % 4]}/{kind}_{number}.png", change(drawn[number], random))
    return build_manifest(root), root


def name_picture(path: str) -> str:
    """Return the number of the face that a file shows."""
    return Path(path).stem.rsplit("_", 1)[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_planted_copies_are_found(faces: tuple[pd.DataFrame, Path], kind: str) -> None:
    manifest, root = faces
    group = find_near_duplicates(manifest, root)
    group.index = pd.Index(manifest["path"])
    copies = [path for path in manifest["path"] if Path(path).stem.rsplit("_", 1)[0] == kind]
    found = [group[path] == group[f"train/{path.split('/')[1]}/{name_picture(path)}.png"] for path in copies]
    assert len(found) == PLANTED_PER_KIND
    assert np.mean(found) >= 0.95


def test_pairs_that_are_found_show_the_same_face(faces: tuple[pd.DataFrame, Path]) -> None:
    pairs = find_similar_pairs(*faces)
    right = [
        name_picture(one) == name_picture(other) for one, other in zip(pairs["first"], pairs["second"], strict=True)
    ]
    assert len(pairs) >= len(KINDS) * PLANTED_PER_KIND * 0.95
    assert np.mean(right) >= 0.98
    assert pairs["similarity"].between(0.82, 1.001).all() and pairs["similarity"].is_monotonic_decreasing
    assert not pairs.duplicated(["first", "second"]).any()


def test_groups_do_not_depend_on_the_names_of_files(faces: tuple[pd.DataFrame, Path]) -> None:
    manifest, root = faces
    group = find_near_duplicates(manifest, root)
    relative = manifest.assign(path=root.name + "/" + manifest["path"]).set_index(manifest.index[::-1])
    again = find_near_duplicates(relative, root.parent)
    assert again.index.equals(relative.index)
    assert again.tolist() == group.tolist()


def test_the_limits_are_the_config_s(faces: tuple[pd.DataFrame, Path]) -> None:
    manifest, root = faces
    pairs = find_similar_pairs(manifest, root)
    strict = find_similar_pairs(manifest, root, NearDuplicateConfig(minimum_similarity=0.97))
    assert 0 < len(strict) < len(pairs) and strict["similarity"].min() >= 0.97
    close = find_similar_pairs(manifest, root, NearDuplicateConfig(hash_distance=2))
    assert 0 < len(close) < len(pairs) and close["distance"].max() <= 2
    plain = find_similar_pairs(manifest, root, NearDuplicateConfig(mirrored=False))
    assert not plain["mirrored"].any() and pairs["mirrored"].sum() >= PLANTED_PER_KIND


def test_the_rough_comparison_drops_no_pair(faces: tuple[pd.DataFrame, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def find(margin: float) -> set[tuple[str, str]]:
        monkeypatch.setattr(correlation, "ROUGH_MARGIN", margin)
        return {(str(pair.first), str(pair.second)) for pair in find_similar_pairs(*faces).itertuples()}

    margin = correlation.ROUGH_MARGIN
    in_full = find(2.0)  # correlations are -1..1, so that every candidate is compared in full
    assert find(margin) == in_full
    assert find(0.0) < in_full, "on this data a margin is needed"


def sort_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return pairs in the order of their paths: the last digits of their correlations, and so their order, may vary."""
    return pairs.sort_values(["first", "second"], ignore_index=True)


def test_the_descriptors_drop_no_pair(faces: tuple[pd.DataFrame, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = sort_pairs(find_similar_pairs(*faces))
    monkeypatch.setattr(hash_neighbours, "DESCRIPTOR_MARGIN", 2.0)
    pd.testing.assert_frame_equal(sort_pairs(find_similar_pairs(*faces)), found)


def map_copies(function: Callable[[Any], Any], shards: Iterable[Any]) -> Iterator[Any]:
    """Apply a function as another process would: to copies, and all shards before the first result is used."""
    copies = [pickle.dumps((function, shard)) for shard in shards]
    results = [pickle.dumps(call(shard)) for call, shard in map(pickle.loads, copies)]
    return map(pickle.loads, results)


def test_the_parts_of_the_work_can_be_done_in_other_processes(
    faces: tuple[pd.DataFrame, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sort_pairs(find_similar_pairs(*faces))
    monkeypatch.setattr(compared_pictures, "PICTURES_PER_SHARD", 100)
    monkeypatch.setattr(correlation, "PAIRS_PER_SHARD", 100)
    pd.testing.assert_frame_equal(sort_pairs(find_similar_pairs(*faces, map_shards=map_copies)), found)
    assert find_near_duplicates(*faces, map_shards=map_copies).equals(group_images(faces[0], found))


def test_no_temporary_file_stays(
    faces: tuple[pd.DataFrame, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sizes = []

    def map_and_look(function: Callable[[Any], Any], shards: Iterable[Any]) -> Iterator[Any]:
        yield from map(function, shards)
        sizes.append(sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()))

    assert find_near_duplicates(*faces, map_shards=map_and_look).nunique() < len(faces[0])
    assert len(sizes) == 3 and max(sizes) < 3_100 * len(faces[0]) and not any(tmp_path.iterdir())
    with pytest.raises(PipelineError):
        find_near_duplicates(faces[0], tmp_path / "elsewhere")
    assert not any(tmp_path.iterdir())


def test_two_dark_faces_with_equal_hashes_are_no_pair(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    down, across = np.mgrid[0:IMAGE_SIZE, 0:IMAGE_SIZE]
    shade = 60 * np.exp(-(((across - 14) / 12) ** 2 + ((down - 22) / 18) ** 2))
    for number in range(3):
        details = 0.05 * make_pixels(random).astype(float) + 2 * draw_face("sad", random) / 25
        write_image(tmp_path / f"train/sad/{number}.png", np.clip(shade + details, 0, 255).astype(np.uint8))
    manifest = build_manifest(tmp_path)
    manifest["perceptual_hash"] = manifest["mirrored_hash"] = "f" * 8 + "0" * 8
    assert len(find_candidates(manifest["perceptual_hash"], manifest["mirrored_hash"])) >= 3
    assert find_near_duplicates(manifest, tmp_path).nunique() == 3


def test_groups_are_connected_components_named_by_their_smallest_hash() -> None:
    manifest = make_manifest([("train", "sad", content) for content in "abcdea"])
    hashes, paths = manifest["pixel_sha256"], manifest["path"]
    pairs = pd.DataFrame({"first": [paths[0], paths[1]], "second": [paths[1], paths[2]]})
    group = group_images(manifest, pairs)
    chain = min(hashes[:3])
    assert group.tolist() == [chain, chain, chain, hashes[3], hashes[4], chain]
    assert group.name == "group"


def test_what_cannot_be_decoded_is_alone(tmp_path: Path) -> None:
    manifest = make_manifest([("train", "sad", "a"), ("train", "sad", "b")])
    manifest = manifest.assign(decodable=False, pixel_sha256="", perceptual_hash="", mirrored_hash="")
    assert find_near_duplicates(manifest, tmp_path).tolist() == manifest["path"].tolist()
    assert find_near_duplicates(manifest.head(0), tmp_path).empty


def test_a_copy_of_another_size_is_found(tmp_path: Path) -> None:
    pixels = draw_face("happy", np.random.default_rng(6))
    write_image(tmp_path / "train/happy/0.png", pixels)
    large = ImageOps.fit(Image.fromarray(pixels), (96, 96), Image.Resampling.BICUBIC)
    write_image(tmp_path / "test/happy/0.png", np.asarray(large))
    assert find_near_duplicates(build_manifest(tmp_path), tmp_path).nunique() == 1


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    manifest = make_manifest([("train", "sad", "a"), ("train", "sad", "b")])
    manifest = manifest.assign(perceptual_hash="0f" * 8, mirrored_hash="f0" * 8)
    with pytest.raises(PipelineError, match=r"train/sad/0\.jpg cannot be decoded"):
        find_near_duplicates(manifest, tmp_path)


def test_wrong_configs_are_refused() -> None:
    with pytest.raises(ValidationError):
        NearDuplicateConfig(hash_distance=40)
    with pytest.raises(ValidationError):
        NearDuplicateConfig.model_validate({"radius": 3})
