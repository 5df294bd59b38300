"""TFRecords of labelled images: writing shards, their index with checksums, and reading a part as batches.

A record holds `image` (raw uint8 pixels), `label` (int64), `image_id` (bytes) and `view` (int64). Write
records in shuffled order: then shuffled shards and a bounded shuffle buffer are enough for every epoch.
"""

import math
import random
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from data.base.data_format import LARGEST_SIDE, SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from data.base.record import Record
from data.workspace.digests import hash_file

if TYPE_CHECKING:
    import tensorflow as tf

INDEX_NAME = "index.json"
SHUFFLE_BUFFER_RECORDS = 1024
"""Images in the shuffle buffer: as many as in a shard, 2.5 MB at 48x48 gray. It is filled before the first batch of a
pass. Shards are random samples of their part, so a larger buffer would hardly mix better."""


class RecordFile(Record):
    """One shard of one view of one part."""

    name: str = Field(description="file name inside the directory")
    part: str = Field(description="train, selection, validation or test")
    view: int = Field(ge=0, description="0 is the original")
    shard: int = Field(ge=0)
    images: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str
    labels: tuple[int, ...] = Field(default=(), description="images of each label, up to the last one it holds")


class ViewsIndex(Record):
    """Content of a directory of records, stored as its `index.json`."""

    data_format: DataFormat = Field(default=SEED_FORMAT, description="of the images; an index of before has none")
    files: tuple[RecordFile, ...] = Field(description="by part, view and shard")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the index of a directory, without TensorFlow.

        Raises:
            PipelineError: there is no index, or it cannot be read.
        """
        path = directory / INDEX_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise PipelineError(
                f"{path} is not a readable index of records ({error}): write the views again"
            ) from error

    @property
    def views(self) -> int:
        """Return the number of views of the train part."""
        return len({file.view for file in self.files if file.part == "train"})

    def select(self, part: str, view: int = 0) -> tuple[RecordFile, ...]:
        """Return the shards of one view of a part, in order.

        Raises:
            PipelineError: there are none.
        """
        found = tuple(file for file in self.files if (file.part, file.view) == (part, view))
        if not found:
            held = sorted({(file.part, file.view) for file in self.files})
            raise PipelineError(f"no records of part {part!r}, view {view}: the index holds (part, view) {held}")
        return found

    def count(self, part: str) -> int:
        """Return the number of images of a part; each is counted once, however many views it has."""
        return sum(file.images for file in self.files if file.part == part and file.view == 0)

    def count_labels(self, part: str) -> tuple[int, ...]:
        """Return the number of images of each label of a part, each counted once."""
        counts = np.zeros(len(self.data_format.labels), np.int64)
        for file in self.files:
            if file.part == part and file.view == 0:
                counts[: len(file.labels)] += file.labels
        return tuple(counts.tolist())


class Jitter(Record):
    """Random flip and shift of each image while it is read, different in every batch of every epoch."""

    flip: bool = Field(default=False, description="mirror every second image, on average")
    shift_pixels: int = Field(default=0, ge=0, le=LARGEST_SIDE // 2, description="largest shift, whole pixels each way")


NO_JITTER = Jitter()


class ShardKey(NamedTuple):
    """Identity of a shard: its part, its view (0 is the original), and its number in the view."""

    part: str
    view: int = 0
    number: int = 0


def write_records(
    directory: Path,
    shard: ShardKey,
    images: NDArray[np.uint8],
    labels: Sequence[int],
    image_ids: Sequence[str],
) -> RecordFile:
    """Write one shard, uncompressed; equal content gives equal bytes.

    Args:
        directory: directory of the file; it must exist.
        shard: part, view and number, which give the file its name.
        images: pixels, uint8 (n, height, width, channels), 0..255.
        labels: n indices into the labels of the data set.
        image_ids: n names.

    Returns:
        The entry for `write_index`.

    Raises:
        PipelineError: the images are not uint8 of rank 4, or the numbers of images, labels and ids differ.
    """
    import tensorflow as tf

    if images.dtype != np.uint8 or images.ndim != 4:
        raise PipelineError(
            f"got images of {images.dtype} {images.shape}, expected uint8 (n, height, width, channels): convert them"
        )
    if not len(images) == len(labels) == len(image_ids):
        raise PipelineError(f"got {len(images)} images, {len(labels)} labels, {len(image_ids)} ids: expected as many")
    path = directory / f"{shard.part}-view{shard.view:02d}-{shard.number:05d}.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label, image_id in zip(images, labels, image_ids, strict=True):
            writer.write(_serialize(image, int(label), image_id, shard.view))
    return RecordFile(
        name=path.name,
        part=shard.part,
        view=shard.view,
        shard=shard.number,
        images=len(images),
        bytes=path.stat().st_size,
        sha256=hash_file(path),
        labels=tuple(np.bincount(labels).tolist()),
    )


def _serialize(image: NDArray[np.uint8], label: int, image_id: str, view: int) -> bytes:
    import tensorflow as tf

    def number(value: int) -> Any:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def text(value: bytes) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    feature = {
        "image": text(image.tobytes()),
        "label": number(label),
        "image_id": text(image_id.encode()),
        "view": number(view),
    }
    # Without `deterministic` the order of a map's entries, and so the bytes, may differ from process to process.
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def write_index(directory: Path, files: Iterable[RecordFile], data_format: DataFormat) -> ViewsIndex:
    """Write `index.json` for these files of images in this format, and return it."""
    ordered = tuple(sorted(files, key=lambda file: (file.part, file.view, file.shard)))
    index = ViewsIndex(data_format=data_format, files=ordered)
    (directory / INDEX_NAME).write_text(index.model_dump_json(indent=1), encoding="utf-8")
    return index


def read_part(
    directory: Path,
    part: str,
    *,
    view: int = 0,
    batch_size: int = 32,
    shuffle_seed: int | None = None,
    jitter: Jitter = NO_JITTER,
) -> "tf.data.Dataset":
    """Return one pass over a view of a part, for training.

    Args:
        directory: directory of the records and their index.
        part: train, selection, validation or test.
        view: which augmented view; 0 is the original.
        batch_size: images in each batch; the last batch may be smaller.
        shuffle_seed: determines order and jitter, so pass a different one each epoch; None keeps the written order.
        jitter: flip and shift in the graph; needs a shuffle_seed.

    Returns:
        Batches of images, uint8 (b, height, width, channels), 0..255, and labels, int32 (b,).

    Raises:
        PipelineError: no such records, or jitter without a seed.
    """
    import tensorflow as tf

    index = ViewsIndex.load(directory)
    dataset = _batches(directory, index.select(part, view), batch_size, shuffle_seed)
    parsed = dataset.map(partial(_parse, index.data_format.shape), num_parallel_calls=tf.data.AUTOTUNE)
    if jitter != NO_JITTER:
        if shuffle_seed is None:
            raise PipelineError("got jitter without shuffle_seed, expected a different one for each epoch: pass it")
        seed = tf.constant(shuffle_seed, tf.int64)
        parsed = parsed.enumerate().map(
            lambda step, batch: (_jitter(batch[0], tf.stack([seed, step]), jitter), batch[1]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return parsed.prefetch(2)


def read_identified(directory: Path, part: str, *, view: int = 0, batch_size: int = 256) -> "tf.data.Dataset":
    """Return one pass over a view of a part in written order, for evaluation.

    Returns:
        Batches of images, uint8 (b, height, width, channels), 0..255, labels, int32 (b,), and image ids, string (b,).

    Raises:
        PipelineError: no such records.
    """
    import tensorflow as tf

    index = ViewsIndex.load(directory)
    dataset = _batches(directory, index.select(part, view), batch_size, None)
    return dataset.map(
        partial(_parse_identified, index.data_format.shape), num_parallel_calls=tf.data.AUTOTUNE
    ).prefetch(2)


def read_order(directory: Path, part: str, view: int, shuffle_seed: int) -> NDArray[np.int64]:
    """Return the order in which `read_part` yields a view with this seed, as places in the written order.

    Returns:
        int64 (images,), each of 0..images-1 once.

    Raises:
        PipelineError: no such records.
    """
    import tensorflow as tf

    files = ViewsIndex.load(directory).select(part, view)
    ends = np.cumsum([file.images for file in files])
    written = [np.arange(end - file.images, end) for file, end in zip(files, ends, strict=True)]
    _shuffle_shards(written, shuffle_seed)
    places = tf.data.Dataset.from_tensor_slices(np.concatenate(written).astype(np.int64))
    return np.concatenate(
        list(_shuffle_records(places, shuffle_seed).batch(SHUFFLE_BUFFER_RECORDS).as_numpy_iterator())
    )


def _shuffle_shards(shards: list[Any], seed: int) -> None:
    random.Random(seed).shuffle(shards)


def _shuffle_records(records: "tf.data.Dataset", seed: int) -> "tf.data.Dataset":
    return records.shuffle(SHUFFLE_BUFFER_RECORDS, seed=seed, reshuffle_each_iteration=False)


def _batches(
    directory: Path, files: Sequence[RecordFile], batch_size: int, shuffle_seed: int | None
) -> "tf.data.Dataset":
    """Return batches of serialised records: shards in seeded order, then a bounded shuffle buffer."""
    import tensorflow as tf

    paths = [str(directory / file.name) for file in files]
    if shuffle_seed is not None:
        _shuffle_shards(paths, shuffle_seed)
    records = tf.data.TFRecordDataset(paths)
    if shuffle_seed is not None:
        records = _shuffle_records(records, shuffle_seed)
    # The files' counts are known: the dataset then has a length, which Keras shows and plans with.
    batches = math.ceil(sum(file.images for file in files) / batch_size)
    return without_autotune(records.batch(batch_size).apply(tf.data.experimental.assert_cardinality(batches)))


def without_autotune(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Switch autotuning off for a dataset and all derived ones, so that parallel calls use all threads of the pool.

    TensorFlow's autotuning sleeps between its checks, each time twice as long, up to a minute, and the end of a pass
    waits for it: in TensorFlow 2.21 a pass could take twice as long.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _parse(shape: tuple[int, int, int], records: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
    """Return images and labels of a batch of serialised records."""
    import tensorflow as tf

    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
    parsed: dict[str, Any] = tf.io.parse_example(records, features)
    pixels = tf.io.decode_raw(parsed["image"], tf.uint8, fixed_length=math.prod(shape))
    return tf.reshape(pixels, [-1, *shape]), tf.cast(parsed["label"], tf.int32)


def _parse_identified(
    shape: tuple[int, int, int], records: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor", "tf.Tensor"]:
    """Return images, labels and ids of a batch of serialised records."""
    import tensorflow as tf

    parsed: dict[str, Any] = tf.io.parse_example(records, {"image_id": tf.io.FixedLenFeature([], tf.string)})
    return *_parse(shape, records), parsed["image_id"]


def _jitter(images: "tf.Tensor", seed: "tf.Tensor", jitter: Jitter) -> "tf.Tensor":
    """Mirror and shift each image by whole pixels with a repeated edge; the seed is (seed of the epoch, step).

    Rows are gathered first, then columns as rows of the transposed images. Copying whole rows takes less than half the
    time of a general projective transform.
    """
    import tensorflow as tf

    shifts = np.arange(-jitter.shift_pixels, jitter.shift_pixels + 1)[:, np.newaxis]
    height, width = (np.arange(int(side or 0)) for side in images.shape[1:3])
    downward = np.clip(height + shifts, 0, len(height) - 1)
    straight, mirrored = (np.clip(row + shifts, 0, len(width) - 1) for row in (width, width[::-1]))
    drawn = tf.random.stateless_uniform(tf.stack([tf.shape(images)[0], 3]), seed)
    across, down = tf.unstack(tf.cast(drawn[:, 1:] * len(shifts), tf.int32), axis=1)
    mirror = tf.cast(drawn[:, 0] < (0.5 if jitter.flip else 0.0), tf.int32)
    rows = tf.gather(downward, down)
    columns = tf.gather(np.concatenate([straight, mirrored]), across + mirror * len(shifts))
    # With the channel's axis left in place TensorFlow transposes eight times as fast.
    shifted = tf.transpose(tf.gather(images, rows, axis=1, batch_dims=1), [0, 2, 1, 3])
    return tf.transpose(tf.gather(shifted, columns, axis=1, batch_dims=1), [0, 2, 1, 3])
