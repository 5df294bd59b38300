"""Images in Parquet files, as Hugging Face stores them: bytes or paths, and labels as numbers with names."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from data.base.errors import PipelineError
from data.base.names import find_split
from data.sources.archives.entries import show_name
from data.sources.limits import ExtractLimits, Tally
from data.sources.tables.csv_list import Fault, locate
from data.sources.tables.rows import NO_SPLIT, ImageRow, describe_columns, find_column

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 16
"""Rows in memory at a time."""

BUFFER_BYTES = 1 << 20
"""Bytes of a column that are read at a time; without it, all rows of a row group would be in memory."""

SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}
"""First bytes of images, and how the names of their files end."""

OTHER_SUFFIX = ".bin"


class _Columns(NamedTuple):
    """Columns of one Parquet file."""

    image: str
    label: str
    split: str | None
    names: dict[str, Sequence[str]]
    """Names of a column's numbers, for columns that have such names."""


def read_parquet_rows(
    files: Sequence[Path], root: Path, limits: ExtractLimits, with_paths: bool = True
) -> Iterator[ImageRow]:
    """Yield the images of Parquet files, of which a few rows are in memory at a time.

    Args:
        files: one data set, in the order in which its images are numbered.
        root: folder below which folders may name splits and paths may name images; a path is relative to the folder of
            its Parquet file, or to one between that and the root.
        limits: on the size that the files declare for their content.
        with_paths: whether an image may be a path instead of bytes.

    Returns:
        The images, named by their number in all files together, from 1 on. Their bytes are those of the table.

    Raises:
        PipelineError: a file is unreadable or over a limit, lacks a column, or has a row without image or label.
    """
    number = 0
    splits = _name_splits(files, root)
    for path, split in zip(files, splits, strict=True):
        folders = [folder for folder in path.parents if folder.is_relative_to(root)]
        with _reading(path):
            for row, values in enumerate(_read_rows(path, limits), start=1):
                number += 1
                image, label, own_split = values
                content = _take_image(image, folders if with_paths else (), f"{path}: row {row}")
                yield ImageRow(
                    split if own_split is None else own_split, label, f"{number:08d}{_suffix(content)}", content
                )


def count_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file.

    Raises:
        PipelineError: the file is unreadable.
    """
    with _reading(path), _open(path) as file:
        return file.metadata.num_rows


def split_of_file(parts: Sequence[str]) -> str:
    """Return the split that the path of a Parquet file means, as Hugging Face names it, or `NO_SPLIT`.

    Args:
        parts: of the path, below the folder of the data set.

    Examples:
        >>> split_of_file(["data", "train-00000-of-00002.parquet"]), split_of_file(["PublicTest", "0000.parquet"])
        ('train', 'PublicTest')
        >>> split_of_file(["holdout-00000-of-00001.parquet"]), split_of_file(["faces.parquet"])
        ('holdout', '')
    """
    stem = parts[-1].rpartition(".")[0]
    named = re.sub(r"-\d{5}-of-\d{5}$", "", stem)
    words = re.split(r"[\W_]+", stem)
    for candidate in (named, *words, *reversed(parts[:-1])):
        if find_split(candidate):
            return candidate
    return named if named != stem else NO_SPLIT


def _name_splits(files: Sequence[Path], root: Path) -> list[str]:
    """Return the split that each file's path means; refuse files of which some mean none."""
    splits = [split_of_file(path.relative_to(root).parts) for path in files]
    if NO_SPLIT in splits and any(splits):
        odd = files[splits.index(NO_SPLIT)].relative_to(root)
        known = files[next(index for index, split in enumerate(splits) if split)].relative_to(root)
        raise PipelineError(
            f"{root} holds Parquet files with a split in their path, such as {show_name(str(known))}, and without "
            f"one, such as {show_name(str(odd))}; name all of them after their split, or leave the others out"
        )
    return splits


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Convert the errors of a damaged file; an error of the disk has a number and is passed on."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        cause = str(error).partition("\n")[0]
        raise PipelineError(
            f"{path} cannot be read as Parquet ({show_name(cause)}); it is damaged or was cut short: get or write it "
            "again"
        ) from error


def _open(path: Path) -> "pq.ParquetFile":
    import pyarrow.parquet as pq  # not at the top: a source of folders needs none of it

    return pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False)


def _read_rows(path: Path, limits: ExtractLimits) -> Iterator[tuple[Any, str, str | None]]:
    """Yield the value of the image, the label and the split of each row; the last is None if no column says it."""
    with _open(path) as file:
        metadata = file.metadata
        declared = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
        Tally(limits, path, path.stat().st_size).add(entries=metadata.num_rows, size_bytes=declared)
        columns = _find_columns(file.schema_arrow, path)
        row = 0
        names = [name for name in (columns.image, columns.label, columns.split) if name is not None]
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
            for image, label, *split in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                row += 1
                texts = [
                    _to_text(value, columns.names.get(name, ()), f"{path}: row {row} has no {name}")
                    for name, value in zip(names[1:], (label, *split), strict=True)
                ]
                yield image, texts[0], texts[1] if split else None


def _find_columns(schema: "pa.Schema", path: Path) -> _Columns:
    found = {meaning: find_column(schema.names, meaning) for meaning in ("image", "label", "split")}
    image, label, split = (None if index is None else schema.names[index] for index in found.values())
    if image is None or label is None:
        raise PipelineError(
            f"{path} has the columns {describe_columns(schema.names)}; expected image, label and perhaps split: name "
            "the columns so"
        )
    _require_image_type(schema.field(image).type, image, path)
    for name in filter(None, (label, split)):
        _require_label_type(schema.field(name).type, name, path)
    return _Columns(image, label, split, _read_class_names(schema))


def _require_image_type(kind: "pa.DataType", name: str, path: Path) -> None:
    import pyarrow as pa

    binaries = (pa.binary(), pa.large_binary(), pa.binary_view())
    fields = {field.name: field.type for field in kind.fields} if isinstance(kind, pa.StructType) else {}
    if kind not in binaries and fields.get("bytes") not in binaries and fields.get("path") not in _text_types():
        raise PipelineError(
            f"{path}: the column {name} has the type {show_name(str(kind))}; expected the bytes of image files, or a "
            "struct of bytes and path, as Hugging Face writes images"
        )


def _require_label_type(kind: "pa.DataType", name: str, path: Path) -> None:
    import pyarrow as pa

    value = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    if not pa.types.is_integer(value) and value not in _text_types():
        raise PipelineError(
            f"{path}: the column {name} has the type {show_name(str(kind))}; expected whole numbers or names, one for "
            "each image"
        )


def _text_types() -> "tuple[pa.DataType, ...]":
    import pyarrow as pa

    return pa.string(), pa.large_string(), pa.string_view()


def _read_class_names(schema: "pa.Schema") -> dict[str, Sequence[str]]:
    """Return the names of numbers that Hugging Face's ClassLabel stores beside the columns."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        described = {name: feature["names"] for name, feature in features.items() if "names" in feature}
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}
    return {column: names for column, names in described.items() if _are_texts(names)}


def _are_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _to_text(value: int | str | None, names: Sequence[str], problem: str) -> str:
    """Return a label or split as text: the name of a number, if it has one."""
    if isinstance(value, int) and 0 <= value < len(names):
        value = names[value]
    text = "" if value is None else str(value).strip()
    if not text:
        raise PipelineError(f"{problem}; fill it in, or remove the row")
    return text


def _take_image(value: Any, folders: Sequence[Path], row: str) -> bytes | Path:
    content, text = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    if content:
        return content
    if not text:
        raise PipelineError(f"{row} has no image: neither bytes nor a path; remove the row")
    if not folders:
        raise PipelineError(
            f"{row} has no bytes, and its path {show_name(str(text))} is not read, because the Parquet file is the "
            "source; give the folder with the Parquet file and the images as the source"
        )
    for folder in folders:
        if not isinstance(name := locate(folder.resolve(), str(text)), Fault):
            return folder.resolve() / name
    raise PipelineError(
        f"{row} has no bytes, and its path {show_name(str(text))} names no plain file below {folders[-1]}; put the "
        "image there, or remove the row"
    )


def _suffix(content: bytes | Path) -> str:
    if isinstance(content, Path):
        return content.suffix.lower()
    return next((suffix for start, suffix in SUFFIXES.items() if content.startswith(start)), OTHER_SUFFIX)
