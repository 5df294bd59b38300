"""Building, writing and reading the manifest."""

import struct
import tracemalloc
import zlib
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage, stats

import data.manifest.measures
import data.manifest.table
from data.base.errors import PipelineError
from data.manifest.measures import MEASURES, ImageFile, measure_pixels, read_blocks
from data.manifest.table import COLUMN_TYPES, build_manifest, read_manifest, write_manifest
from data.system.shard_processes import ShardProcesses
from tests.support.image_tree import make_pixels, write_image, write_image_tree


def build_row(root: Path) -> pd.Series:
    """Return the only row of a directory's manifest."""
    manifest = build_manifest(root)
    if len(manifest) != 1:
        raise ValueError(f"{len(manifest)} rows")
    return manifest.iloc[0]


def write_png_header(path: Path, width: int, height: int) -> None:
    """Write a PNG that promises a huge picture in a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def test_one_row_a_file_ordered_by_path_with_stable_types(tmp_path: Path) -> None:
    root = write_image_tree(tmp_path)
    manifest = build_manifest(root)
    expected = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    assert manifest["path"].tolist() == expected
    assert {name: str(kind) for name, kind in manifest.dtypes.items()} == COLUMN_TYPES
    assert manifest["decodable"].all() and manifest["gray"].all()
    assert (manifest["path"].str.split("/").str[:2].str.join("/") == manifest["split"] + "/" + manifest["label"]).all()


def test_figures_are_those_of_the_pixels(tmp_path: Path) -> None:
    pixels = make_pixels(np.random.default_rng(1))
    path = write_image(tmp_path / "train/sad/7.png", pixels)
    row = build_row(tmp_path)
    assert (row["bytes"], row["format"], row["mode"], row["width"], row["height"]) == (
        path.stat().st_size, "PNG", "L", 48, 48,
    )  # fmt: skip
    assert row["mean"] == pytest.approx(pixels.mean())
    assert row["standard_deviation"] == pytest.approx(pixels.std())
    assert row["sharpness"] == pytest.approx(ndimage.laplace(pixels.astype(float)).var())
    assert row["perceptual_hash"] == str(imagehash.phash(Image.fromarray(pixels)))
    assert row["mirrored_hash"] == str(imagehash.phash(Image.fromarray(np.fliplr(pixels))))
    assert row["entropy"] == pytest.approx(stats.entropy(np.unique(pixels, return_counts=True)[1], base=2))
    assert row["skewness"] == pytest.approx(stats.skew(pixels.ravel().astype(float)))
    ring = np.ones(pixels.shape, dtype=bool)
    ring[1:-1, 1:-1] = False
    assert row["edge_brightness"] == pytest.approx(pixels[ring].mean() - pixels.mean())


@pytest.mark.parametrize("deviation", [2.0, 5.0, 12.0])
def test_noise_is_the_standard_deviation_of_what_was_added_to_a_slope(deviation: float) -> None:
    slope = np.linspace(60, 190, 48)[None, :] + np.linspace(-20, 20, 48)[:, None]
    noise = np.random.default_rng(5).normal(0, deviation, (48, 48))
    assert measure_pixels((slope + noise).round().astype(np.uint8))["noise"] == pytest.approx(deviation, rel=0.1)


def test_blockiness_rises_with_jpeg_compression_and_is_one_without_blocks(tmp_path: Path) -> None:
    pixels = np.random.default_rng(6).normal(128, 25, (48, 48)).clip(0, 255).astype(np.uint8)
    coarse, fine = (tmp_path / "coarse.jpg", tmp_path / "fine.jpg")
    Image.fromarray(pixels).save(coarse, quality=8)
    Image.fromarray(pixels).save(fine, quality=98)
    smooth, sharp = (measure_pixels(np.asarray(Image.open(path)))["blockiness"] for path in (coarse, fine))
    assert smooth > 1.3 > 1.15 > sharp
    assert measure_pixels(np.tile(np.arange(48, dtype=np.uint8), (48, 1)))["blockiness"] == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 30), (48, 48)])
def test_flat_and_tiny_images_have_finite_measures(shape: tuple[int, int]) -> None:
    found = measure_pixels(np.full(shape, 90, dtype=np.uint8))
    expected = dict.fromkeys(MEASURES, 0.0) | {"mean": 90.0, "blockiness": 1.0}
    assert found == pytest.approx(expected)


def test_equal_pixels_are_equal_whatever_the_file_format(tmp_path: Path) -> None:
    jpeg = write_image(tmp_path / "train/sad/0.jpg", make_pixels(np.random.default_rng(2)))
    decoded = np.asarray(Image.open(jpeg))
    write_image(tmp_path / "train/sad/1.png", decoded)
    write_image(tmp_path / "train/sad/2.png", np.stack([decoded] * 3, axis=-1))
    write_image(tmp_path / "train/sad/3.png", decoded.reshape(96, 24))
    manifest = build_manifest(tmp_path)
    first, *others = manifest["pixel_sha256"]
    assert others[:2] == [first, first] and others[2] != first
    assert manifest["file_sha256"].nunique() == 4


@pytest.mark.parametrize(
    ("pixels", "gray"),
    [
        (np.zeros((48, 48, 3), dtype=np.uint8), True),
        (np.dstack([np.zeros((48, 48), dtype=np.uint8)] * 2 + [np.ones((48, 48), dtype=np.uint8)]), False),
        (np.arange(48 * 48, dtype=np.uint16).reshape(48, 48), True),
    ],
    ids=["three equal channels", "one level of blue", "16 bits"],
)
def test_gray_means_equal_channels(tmp_path: Path, pixels: np.ndarray, gray: bool) -> None:
    write_image(tmp_path / "train/sad/0.png", pixels)
    row = build_row(tmp_path)
    assert row["decodable"] and row["gray"] == gray


@pytest.mark.parametrize("kind", ["text", "empty", "gif", "truncated", "large", "bomb"])
def test_what_is_no_whole_image_is_a_row_and_not_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "train/sad/0.jpg"
    whole = write_image(path, make_pixels(np.random.default_rng(3))).read_bytes()
    if kind == "gif":
        Image.new("L", (48, 48)).save(path, format="GIF")
    elif kind == "large":
        Image.new("L", (4_097, 4_097)).save(path, format="PNG")
    elif kind == "bomb":
        write_png_header(path, 60_000, 60_000)
    else:
        path.write_bytes({"text": b"no image", "empty": b"", "truncated": whole[:-200]}[kind])
    row = build_row(tmp_path)
    assert not row["decodable"] and not row["gray"]
    assert (row["pixel_sha256"], row["perceptual_hash"], row["mirrored_hash"]) == ("", "", "")
    assert row[list(MEASURES)].isna().all()
    assert row["format"] == {"truncated": "JPEG", "large": "PNG", "bomb": "PNG"}.get(kind, "")


@pytest.mark.parametrize(
    ("path", "split", "label"),
    [("0.jpg", "", ""), ("train/0.jpg", "train", ""), ("extra/odd/0.jpg", "extra", "odd"), ("a/b/c/0.jpg", "a", "b")],
)
def test_misplaced_files_keep_the_folders_they_are_in(tmp_path: Path, path: str, split: str, label: str) -> None:
    write_image(tmp_path / path, make_pixels(np.random.default_rng(4)))
    row = build_row(tmp_path)
    assert (row["path"], row["split"], row["label"]) == (path, split, label)


def test_several_processes_give_the_same_manifest_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_image_tree(tmp_path, faults=["truncated", "colour"])
    alone = build_manifest(root)
    monkeypatch.setattr(data.manifest.measures, "BLOCK_FILES", 2)
    with ShardProcesses(3) as processes:
        pd.testing.assert_frame_equal(build_manifest(root, processes), alone)


def test_blocks_end_by_files_or_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("a", 1), ("b", 1), ("c", 1), ("d", 10), ("e", 1)):
        (tmp_path / name).write_bytes(bytes(size))
    monkeypatch.setattr(data.manifest.measures, "BLOCK_FILES", 2)
    monkeypatch.setattr(data.manifest.measures, "BLOCK_BYTES", 10)
    blocks = read_blocks(tmp_path, "abcde")
    assert ["".join(file.path for file in block) for block in blocks] == ["ab", "cd", "e"]


def test_a_large_manifest_is_several_files_and_reads_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = build_manifest(write_image_tree(tmp_path / "images"))
    monkeypatch.setattr(data.manifest.table, "ROWS_PER_FILE", 5)
    write_manifest(manifest, tmp_path / "manifest.parquet")
    files = sorted(path.name for path in (tmp_path / "manifest.parquet").iterdir())
    assert len(files) == -(-len(manifest) // 5) and files[0] == "part-00000.parquet"
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "manifest.parquet"), manifest)


def test_a_manifest_of_one_file_as_before_is_read(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path / "images"))
    manifest.to_parquet(tmp_path / "manifest.parquet", index=False)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "manifest.parquet"), manifest)


def test_an_empty_manifest_keeps_its_columns(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path / "images"))[:0]
    write_manifest(manifest, tmp_path / "manifest.parquet")
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "manifest.parquet"), manifest)


def test_parquet_keeps_everything(tmp_path: Path) -> None:
    manifest = build_manifest(write_image_tree(tmp_path / "images", faults=["truncated"])).assign(part="train")
    write_manifest(manifest, tmp_path / "manifest.parquet")
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "manifest.parquet"), manifest)


def test_parquet_without_the_columns_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"path": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(PipelineError, match="lacks the columns split, label"):
        read_manifest(tmp_path / "other.parquet")


def test_missing_and_empty_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="is no directory"):
        build_manifest(tmp_path / "missing")
    (tmp_path / "empty/train").mkdir(parents=True)
    with pytest.raises(PipelineError, match="holds no file"):
        build_manifest(tmp_path / "empty")


def test_memory_grows_by_far_less_than_the_rows_as_python_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "train" / "happy" / "1.jpg", make_pixels(np.random.default_rng(0)))
    row = build_manifest(tmp_path).iloc[0].to_dict()

    def describe(file: ImageFile) -> dict[str, object]:
        path = file.path
        return {name: f"{path} {value}" if isinstance(value, str) else value for name, value in row.items()}

    def measure_peak(images: int) -> int:
        monkeypatch.setattr(data.manifest.table, "list_files", lambda root: [f"{n}.jpg" for n in range(images)])
        tracemalloc.start()
        try:
            assert len(build_manifest(tmp_path)) == images
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    monkeypatch.setattr(data.manifest.measures, "describe_image", describe)
    monkeypatch.setattr(data.manifest.measures, "read_file", lambda images, path: ImageFile(path, b""))
    assert measure_peak(12_000) - measure_peak(2_000) < 1_000 * 10_000, "bytes a row; as Python objects they take 2,000"
