"""Child command that writes a data set's TFRecords: `python -m data.views.write SPEC_JSON_PATH`.

The train part is written as whole augmented views, view 0 the original; selection, validation and test once and
unchanged. A shard is decoded once, in memory, for all its views, so memory depends only on the shard's size and the
threads. If the data set has votes of people, they are written beside the records, see `data.views.choices`.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow.parquet import ParquetDataset
from pydantic import Field, ValidationError

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from data.base.parts import PARTS
from data.base.record import Record
from data.manifest.decoding import decode_pixels
from data.manifest.measures import read_file
from data.records.events import ExamplesWritten, ViewsDone
from data.system.child_process import emit, run_child
from data.system.shard_processes import MapShards
from data.views.augment import LIGHT_AUGMENT, AugmentConfig, augment_batch
from data.views.choices import write_votes
from data.views.pictures import FACES_PER_CLASS, write_pictures
from data.views.tfrecords import RecordFile, ShardKey, ViewsIndex, write_index, write_records
from data.votes.column import VOTES, stack_votes


class ViewsSpec(Record):
    """Specification of the views of a data set: images, augmentation, and threads."""

    manifest: Path = Field(description="Parquet of the clean data set: columns path, label, part and perhaps votes")
    images: Path = Field(description="directory that the manifest's paths start from")
    out: Path = Field(description="directory to fill; made if it is missing")
    data_format: DataFormat = Field(default=SEED_FORMAT, description="labels, size and colour of the records")
    augment: AugmentConfig = Field(default=LIGHT_AUGMENT, description="ranges of the train part's views")
    seed: int = Field(default=42, ge=0, description="seed of the views and of the written order")
    views: int = Field(default=8, ge=1, le=64, description="views of the train part, the original among them")
    images_per_shard: int = Field(default=1024, ge=1, le=65536, description="images a file; bounds the memory")
    threads: int = Field(default=2, ge=1, le=256, description="threads to decode and augment with")


@dataclass(frozen=True)
class _Shard:
    """Images of one shard; of the train part, one file is written for each view."""

    part: str
    number: int
    paths: tuple[str, ...]
    labels: tuple[int, ...]


class ShardWork(NamedTuple):
    """All that is needed to make the files of a shard on any host."""

    shard: _Shard
    spec: ViewsSpec
    contents: tuple[bytes, ...]
    """Of the images' files."""


class PreviewWork(NamedTuple):
    """All that is needed to make the report's pictures on any host."""

    by_class: tuple[tuple[str, ...], ...]
    """Paths of some train images of each class."""
    spec: ViewsSpec
    contents: dict[str, bytes]
    """Of the images' files, by path."""


def write_views(
    spec: ViewsSpec, on_progress: Callable[[int, int], None], map_shards: MapShards | None = None
) -> ViewsIndex:
    """Write all parts of a manifest as TFRecords and their index.

    Args:
        spec: what to write; its `threads` do not change the result.
        on_progress: called with images written and images in all, each view counted, after every shard.
        map_shards: how shards are made elsewhere; None: in threads of this process.

    Returns:
        The index that was written.

    Raises:
        PipelineError: the manifest lacks columns, or an image does not agree with it.
    """
    manifest = _read_manifest(spec)
    shards = list(_plan_shards(manifest, spec))
    total = sum(len(shard.paths) * _views(shard, spec) for shard in shards)
    spec.out.mkdir(parents=True, exist_ok=True)
    written = _write_elsewhere(shards, spec, map_shards) if map_shards else _write_in_threads(shards, spec)
    files: list[RecordFile] = []
    for of_shard in written:
        files.extend(of_shard)
        on_progress(sum(file.images for file in files), total)
    for pictures in (map_shards or map)(make_preview, [_plan_preview(shards, spec)]):
        for name, content in pictures.items():
            (spec.out / name).write_bytes(content)
    if VOTES in manifest:
        _write_part_votes(manifest.set_index("path"), shards, spec)
    return write_index(spec.out, files, spec.data_format)


def _write_in_threads(shards: list[_Shard], spec: ViewsSpec) -> Iterator[list[RecordFile]]:
    with ThreadPoolExecutor(spec.threads) as pool:
        pending = [pool.submit(_write_shard, shard, spec) for shard in shards]
        try:
            yield from (future.result() for future in as_completed(pending))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_elsewhere(shards: list[_Shard], spec: ViewsSpec, map_shards: MapShards) -> Iterator[list[RecordFile]]:
    works = (ShardWork(shard, spec, _read_contents(shard, spec)) for shard in shards)
    for made in map_shards(make_shard, works):
        for file, content in made:
            (spec.out / file.name).write_bytes(content)
        yield [file for file, _ in made]


def make_shard(work: ShardWork) -> list[tuple[RecordFile, bytes]]:
    """Make the files of a shard, one for each view, and return them with their content."""
    _limit_tensorflow(1)
    with TemporaryDirectory() as directory:
        out = Path(directory)
        files = _write_records(work.shard, work.contents, work.spec, out)
        return [(file, (out / file.name).read_bytes()) for file in files]


def _plan_preview(shards: list[_Shard], spec: ViewsSpec) -> PreviewWork:
    """Choose the first train images of each class in their shuffled order for the report's pictures."""
    rows = [row for shard in shards if shard.part == "train" for row in zip(shard.labels, shard.paths, strict=True)]
    by_class = [[path for label, path in rows if label == index] for index in range(len(spec.data_format.labels))]
    first = tuple(tuple(paths[:FACES_PER_CLASS]) for paths in by_class)
    return PreviewWork(first, spec, {path: read_file(spec.images, path).content for paths in first for path in paths})


def make_preview(work: PreviewWork) -> dict[str, bytes]:
    """Make the report's pictures, and return each file's content by its name; there is none if a class has no image."""
    _limit_tensorflow(1)
    images, spec = work.spec.images, work.spec

    def decode(path: str) -> NDArray[np.uint8]:
        return decode_pixels(work.contents[path], images / path, spec.data_format)

    with TemporaryDirectory() as directory:
        write_pictures(Path(directory), work.by_class, decode, spec.seed, spec.augment)
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def _write_part_votes(manifest: pd.DataFrame, shards: list[_Shard], spec: ViewsSpec) -> None:
    """Write the votes of each part in the order of its records."""
    for part in PARTS:
        paths = [path for shard in shards if shard.part == part for path in shard.paths]
        if paths:
            write_votes(spec.out, part, stack_votes(manifest.loc[paths], len(spec.data_format.labels)))


def _views(shard: _Shard, spec: ViewsSpec) -> int:
    return spec.views if shard.part == "train" else 1


def _read_manifest(spec: ViewsSpec) -> pd.DataFrame:
    path = spec.manifest
    try:
        columns = ["path", "label", "part"]
        manifest = pd.read_parquet(path, columns=[*columns, *({VOTES} & set(ParquetDataset(path).schema.names))])
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path} is not a manifest with path, label and part ({error}): build it again") from error
    for column, known in (("label", spec.data_format.labels), ("part", PARTS)):
        strange = sorted(set(manifest[column].astype(str)) - set(known))
        if strange:
            raise PipelineError(f"{path}: got {column} {strange}, expected {list(known)}: clean the manifest first")
    return manifest


def _plan_shards(manifest: pd.DataFrame, spec: ViewsSpec) -> Iterator[_Shard]:
    """Yield the shards of each part, its images in an order that depends only on seed and paths."""
    for part in PARTS:
        rows = manifest.loc[manifest["part"] == part, ["path", "label"]]
        ordered = sorted(
            rows.itertuples(index=False, name=None),
            key=lambda row: hashlib.blake2b(f"{spec.seed}|{row[0]}".encode(), digest_size=16).digest(),
        )
        for number, start in enumerate(range(0, len(ordered), spec.images_per_shard)):
            paths, labels = zip(*ordered[start : start + spec.images_per_shard], strict=True)
            yield _Shard(part, number, paths, tuple(spec.data_format.labels.index(label) for label in labels))


def _write_shard(shard: _Shard, spec: ViewsSpec) -> list[RecordFile]:
    """Read a shard's images and write them once for each view."""
    return _write_records(shard, _read_contents(shard, spec), spec, spec.out)


def _read_contents(shard: _Shard, spec: ViewsSpec) -> tuple[bytes, ...]:
    return tuple(read_file(spec.images, path).content for path in shard.paths)


def _write_records(shard: _Shard, contents: Sequence[bytes], spec: ViewsSpec, out: Path) -> list[RecordFile]:
    images = np.stack(
        [
            decode_pixels(content, spec.images / path, spec.data_format)
            for content, path in zip(contents, shard.paths, strict=True)
        ]
    )
    return [
        write_records(
            out,
            ShardKey(shard.part, view, shard.number),
            augment_batch(images, shard.paths, view, spec.seed, spec.augment),
            shard.labels,
            shard.paths,
        )
        for view in range(_views(shard, spec))
    ]


def _limit_tensorflow(threads: int) -> None:
    """Limit TensorFlow to these threads, and keep it off the GPU, which a training may use."""
    import tensorflow as tf

    with suppress(RuntimeError):  # it runs already, in a worker of Dask that made another shard
        tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _read_spec(arguments: list[str]) -> ViewsSpec:
    if len(arguments) != 1:
        raise PipelineError(f"got {len(arguments)} arguments, expected one: python -m data.views.write SPEC_JSON_PATH")
    try:
        return ViewsSpec.model_validate_json(Path(arguments[0]).read_bytes())
    except (OSError, ValidationError) as error:
        raise PipelineError(f"{arguments[0]} is not a specification of views: {error}") from error


def main() -> None:
    """Write the views that the specification on the command line asks for, with progress as events."""
    spec = _read_spec(sys.argv[1:])
    _limit_tensorflow(spec.threads)
    index = write_views(spec, lambda done, total: emit(ExamplesWritten(done=done, total=total)))
    emit(ViewsDone(files=len(index.files), images=sum(file.images for file in index.files)))


if __name__ == "__main__":
    run_child(main)
