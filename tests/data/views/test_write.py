"""The child command that writes views: whole parts, equal bytes for any number of threads, errors as events."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.system.shard_processes import ShardProcesses
from data.views.augment import SEED_AUGMENT, augment_batch
from data.views.choices import read_votes
from data.views.tfrecords import ViewsIndex, read_identified
from data.views.write import ViewsSpec, write_views
from data.workspace.digests import checksum_files, hash_file
from tests.support.seed_format import CLASSES

COUNTS = {"train": 21, "selection": 4, "validation": 6, "test": 4}


@pytest.fixture
def spec(tmp_path: Path) -> ViewsSpec:
    """A manifest of 35 images, JPEGs of noise, spread over parts and labels."""
    rng, rows = np.random.default_rng(2), []
    (tmp_path / "images").mkdir()
    for part, count in COUNTS.items():
        for number in range(count):
            name = f"{part}-{number}.jpg"
            pixels = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name, quality=95)
            rows.append({"path": name, "label": CLASSES[number % 4], "part": part, "decodable": True})
    pd.DataFrame(rows).to_parquet(tmp_path / "manifest.parquet")
    return ViewsSpec(
        manifest=tmp_path / "manifest.parquet",
        images=tmp_path / "images",
        out=tmp_path / "out",
        augment=SEED_AUGMENT,
        views=3,
        images_per_shard=8,
        threads=1,
    )


def _ignore(done: int, total: int) -> None:
    """Take progress and do nothing."""


def _read(directory: Path, part: str, view: int = 0) -> dict[str, tuple[np.ndarray, int]]:
    batches = read_identified(directory, part, view=view).as_numpy_iterator()
    return {
        image_id.decode(): (image, int(label))
        for images, labels, ids in batches
        for image, label, image_id in zip(images, labels, ids, strict=True)
    }


def test_votes_lie_beside_the_records_in_their_order(spec: ViewsSpec) -> None:
    manifest = pd.read_parquet(spec.manifest)
    votes = [[float(row), 0, 0, 0, 1, 0, 0] if row % 3 else None for row in range(len(manifest))]
    manifest.assign(votes=votes).to_parquet(spec.manifest)
    write_views(spec, _ignore)
    given = dict(zip(manifest["path"], votes, strict=True))
    for part, count in COUNTS.items():
        written = read_votes(spec.out, part)
        assert written is not None and written.shape == (count, 7) and written.dtype == np.float32
        expected = [given[path] or [np.nan] * 7 for path in _read(spec.out, part)]
        np.testing.assert_array_equal(written, np.array(expected, np.float32))


def test_without_votes_nothing_lies_beside_the_records(spec: ViewsSpec) -> None:
    write_views(spec, _ignore)
    assert not list(spec.out.glob("votes-*")) and read_votes(spec.out, "train") is None


def test_every_part_is_written_whole_with_its_labels(spec: ViewsSpec) -> None:
    index = write_views(spec, _ignore)
    manifest = pd.read_parquet(spec.manifest).set_index("path")
    assert {part: index.count(part) for part in COUNTS} == COUNTS
    assert index.views == 3
    for part in COUNTS:
        held = _read(spec.out, part)
        assert set(held) == set(manifest.index[manifest["part"] == part])
        for name, (image, label) in held.items():
            with Image.open(spec.images / name) as original:
                np.testing.assert_array_equal(image[..., 0], np.asarray(original))
            assert CLASSES[label] == manifest.at[name, "label"]


def test_only_train_has_views_and_they_are_the_augmented_images(spec: ViewsSpec) -> None:
    index = write_views(spec, _ignore)
    assert {(file.part, file.view) for file in index.files if file.view} == {("train", 1), ("train", 2)}
    originals, second = _read(spec.out, "train"), _read(spec.out, "train", view=2)
    for name, (image, label) in originals.items():
        expected = augment_batch(image[np.newaxis], [name], 2, spec.seed, spec.augment)[0]
        np.testing.assert_array_equal(second[name][0], expected)
        assert second[name][1] == label


def test_written_order_is_shuffled_and_given_by_the_seed(spec: ViewsSpec, tmp_path: Path) -> None:
    write_views(spec, _ignore)
    other = spec.model_copy(update={"seed": 7, "out": tmp_path / "other"})
    write_views(other, _ignore)
    manifest = pd.read_parquet(spec.manifest)
    listed = manifest.loc[manifest["part"] == "train", "path"].tolist()
    assert len({tuple(listed), tuple(_read(spec.out, "train")), tuple(_read(other.out, "train"))}) == 3


def test_threads_and_the_manifests_order_change_no_byte(spec: ViewsSpec, tmp_path: Path) -> None:
    alone = write_views(spec, _ignore)
    pd.read_parquet(spec.manifest).iloc[::-1].to_parquet(tmp_path / "reversed.parquet")
    four = spec.model_copy(update={"threads": 4, "out": tmp_path / "four", "manifest": tmp_path / "reversed.parquet"})
    assert write_views(four, _ignore) == alone
    for file in alone.files:
        assert (four.out / file.name).read_bytes() == (spec.out / file.name).read_bytes()


def test_shards_made_in_other_processes_have_the_same_bytes(spec: ViewsSpec, tmp_path: Path) -> None:
    elsewhere = spec.model_copy(update={"out": tmp_path / "elsewhere"})
    progress: list[tuple[int, int]] = []
    write_views(spec, _ignore)
    with ShardProcesses(2) as processes:
        write_views(elsewhere, lambda *done: progress.append(done), processes)
    assert checksum_files(elsewhere.out) == checksum_files(spec.out)
    assert progress[-1][0] == progress[-1][1] > 0


def test_an_images_bytes_do_not_depend_on_the_shard(spec: ViewsSpec, tmp_path: Path) -> None:
    write_views(spec, _ignore)
    larger = spec.model_copy(update={"images_per_shard": 100, "out": tmp_path / "larger"})
    write_views(larger, _ignore)
    small, large = _read(spec.out, "train", 1), _read(larger.out, "train", 1)
    assert list(small) == list(large)
    assert all(np.array_equal(small[name][0], large[name][0]) for name in small)


def test_progress_grows_to_the_total(spec: ViewsSpec) -> None:
    seen: list[tuple[int, int]] = []
    write_views(spec, lambda done, total: seen.append((done, total)))
    total = COUNTS["train"] * 3 + 14
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (total, total)


def test_what_is_wrong_with_the_input_is_named(spec: ViewsSpec) -> None:
    Image.new("L", (32, 48)).save(spec.images / "selection-1.jpg")
    with pytest.raises(PipelineError, match=r"selection-1\.jpg is 32x48"):
        write_views(spec, _ignore)
    (spec.images / "selection-1.jpg").write_bytes(b"no picture")
    with pytest.raises(PipelineError, match=r"selection-1\.jpg cannot be decoded"):
        write_views(spec, _ignore)
    manifest = pd.read_parquet(spec.manifest)
    manifest.replace({"label": {"sad": "sorry"}}).to_parquet(spec.manifest)
    with pytest.raises(PipelineError, match=r"label \['sorry'\]"):
        write_views(spec, _ignore)


def _run_child(spec_path: Path) -> tuple[int, list[dict]]:
    """Run the command with its stdin held open, and return exit status and events."""
    root = PROJECT_ROOT
    command = [sys.executable, "-m", "data.views.write", str(spec_path)]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        lines = child.stdout.readlines() if child.stdout else []
        status = child.wait(timeout=60)
    return status, [json.loads(line) for line in lines]


def test_the_command_reports_progress_and_leaves_an_index(spec: ViewsSpec, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    status, events = _run_child(tmp_path / "spec.json")
    assert status == 0
    assert {event["event"] for event in events} == {"progress", "done"}
    assert events[-2]["done"] == events[-2]["total"] == events[-1]["images"] == 77
    assert all(hash_file(spec.out / file.name) == file.sha256 for file in ViewsIndex.load(spec.out).files)


def test_the_command_reports_a_bad_specification(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"views": 0}')
    status, events = _run_child(tmp_path / "spec.json")
    assert status == 1
    assert events[-1]["event"] == "error" and "spec.json is not a specification" in events[-1]["message"]


def test_pictures_show_train_faces_of_each_class_and_their_first_view(spec: ViewsSpec) -> None:
    write_views(spec, lambda done, total: None)
    pictures = np.load(spec.out / "pictures.npz")
    # 21 train images over four classes: the smallest class has five.
    assert pictures["samples"].shape == pictures["augmented"].shape == (4, 5, 48, 48)
    written = {
        (image_id.decode(), view): images[..., 0]
        for view in (0, 1)
        for batch in read_identified(spec.out, "train", view=view)
        for images, image_id in zip(batch[0].numpy(), batch[2].numpy(), strict=True)
    }
    for label in range(4):
        for sample, augmented in zip(pictures["samples"][label], pictures["augmented"][label], strict=True):
            (name,) = [key[0] for key, image in written.items() if key[1] == 0 and np.array_equal(image, sample)]
            assert int(name.removesuffix(".jpg").split("-")[1]) % 4 == label
            assert np.array_equal(written[name, 1], augmented)
