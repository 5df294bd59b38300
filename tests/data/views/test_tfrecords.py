"""Records: what is written comes back, in an order that the seed gives."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.views.tfrecords import (
    Jitter,
    ShardKey,
    ViewsIndex,
    read_identified,
    read_order,
    read_part,
    write_index,
    write_records,
)

SHARDS, PER_SHARD = 3, 30


def _images() -> NDArray[np.uint8]:
    return np.random.default_rng(8).integers(0, 256, (SHARDS * PER_SHARD, 48, 48, 1), dtype=np.uint8)


def _write(directory: Path) -> ViewsIndex:
    """Write 3 shards of 30 train images; labels count 0 to 3 and ids are the images' numbers."""
    images, files = _images(), []
    for shard in range(SHARDS):
        numbers = range(shard * PER_SHARD, (shard + 1) * PER_SHARD)
        part = images[numbers.start : numbers.stop]
        key = ShardKey("train", number=shard)
        files.append(write_records(directory, key, part, [n % 4 for n in numbers], [str(n) for n in numbers]))
    return write_index(directory, files, SEED_FORMAT)


def _collect(dataset) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    batches = list(dataset.as_numpy_iterator())
    return np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches])


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("records")
    _write(directory)
    return directory


def test_records_come_back_in_written_order(records: Path) -> None:
    images, labels = _collect(read_part(records, "train", batch_size=7))
    np.testing.assert_array_equal(images, _images())
    np.testing.assert_array_equal(labels, np.arange(90) % 4)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)


def test_identified_records_carry_their_ids(records: Path) -> None:
    batches = list(read_identified(records, "train", batch_size=40).as_numpy_iterator())
    assert [len(ids) for _, _, ids in batches] == [40, 40, 10]
    assert [int(image_id) for _, _, ids in batches for image_id in ids] == list(range(90))


def test_a_seed_gives_one_order_with_every_image_once(records: Path) -> None:
    first, labels = _collect(read_part(records, "train", shuffle_seed=1))
    again, _ = _collect(read_part(records, "train", shuffle_seed=1))
    other, _ = _collect(read_part(records, "train", shuffle_seed=2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    number = {image.tobytes(): n for n, image in enumerate(_images())}
    order = [number[image.tobytes()] for image in first]
    assert sorted(order) == list(range(90)) and order != list(range(90))
    assert [n % 4 for n in order] == labels.tolist()


def test_the_order_is_that_of_the_images_read_with_this_seed(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.views.tfrecords.SHUFFLE_BUFFER_RECORDS", 40)  # less than the records, as with real ones
    shuffled, _ = _collect(read_part(records, "train", shuffle_seed=5))
    order = read_order(records, "train", 0, 5)
    assert order.tolist() != sorted(order)
    np.testing.assert_array_equal(shuffled, _images()[order])


def test_a_dataset_knows_its_length(records: Path) -> None:
    assert int(read_part(records, "train", batch_size=32, shuffle_seed=1).cardinality()) == 3


def test_no_pass_waits_for_tensorflow_to_tune_it(records: Path) -> None:
    epoch = read_part(records, "train", shuffle_seed=1, jitter=Jitter(flip=True))
    for dataset in (epoch, epoch.map(lambda images, labels: images), read_identified(records, "train")):
        assert dataset.options().autotune.enabled is False


def test_jitter_flips_and_shifts_whole_pixels_by_the_seed(records: Path) -> None:
    plain, _ = _collect(read_part(records, "train", shuffle_seed=1))
    moved, _ = _collect(read_part(records, "train", shuffle_seed=1, jitter=Jitter(flip=True, shift_pixels=2)))
    again, _ = _collect(read_part(records, "train", shuffle_seed=1, jitter=Jitter(flip=True, shift_pixels=2)))
    np.testing.assert_array_equal(moved, again)
    seen = set()
    for before, after in zip(plain, moved, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")
        matches = [
            (flip, down, right)
            for flip in (False, True)
            for down in range(5)
            for right in range(5)
            if np.array_equal((padded[:, ::-1] if flip else padded)[down : down + 48, right : right + 48], after)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 20
    assert {flip for flip, _, _ in seen} == {False, True}
    assert {down for _, down, _ in seen} == {right for _, _, right in seen} == set(range(5))


def test_jitter_without_a_seed_is_refused(records: Path) -> None:
    with pytest.raises(PipelineError, match="without shuffle_seed"):
        read_part(records, "train", jitter=Jitter(flip=True))


def test_equal_content_gives_equal_bytes(records: Path, tmp_path: Path) -> None:
    assert _write(tmp_path) == ViewsIndex.load(records)


def test_index_counts_and_names_what_it_holds(records: Path) -> None:
    index = ViewsIndex.load(records)
    assert (index.count("train"), index.count("test"), index.views) == (90, 0, 1)
    with pytest.raises(PipelineError, match=r"'train', view 4.*\('train', 0\)"):
        index.select("train", 4)


def test_a_directory_without_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"index\.json.*write the views again"):
        read_part(tmp_path, "train")


def test_images_without_channel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"\(2, 48, 48\)"):
        write_records(tmp_path, ShardKey("test"), np.zeros((2, 48, 48), np.uint8), [0, 1], ["a", "b"])
    with pytest.raises(PipelineError, match="2 images, 1 labels"):
        write_records(tmp_path, ShardKey("test"), np.zeros((2, 48, 48, 1), np.uint8), [0], ["a", "b"])


def test_the_index_is_read_without_tensorflow(records: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from data.views.tfrecords import ViewsIndex; "
        "import data.views.write, data.views.augment; "
        "ViewsIndex.load(Path(sys.argv[1])); sys.exit('tensorflow' in sys.modules)"
    )
    root = PROJECT_ROOT
    assert subprocess.run([sys.executable, "-c", code, str(records)], cwd=root, check=False).returncode == 0
