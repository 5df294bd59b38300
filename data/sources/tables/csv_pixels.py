"""Images whose gray levels are written out in a CSV, as in fer2013.csv."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

from data.base.data_format import LARGEST_SIDE, SMALLEST_SIDE
from data.base.errors import PipelineError
from data.sources.archives.entries import show_name
from data.sources.tables.csv_files import open_csv
from data.sources.tables.rows import ImageRow, describe_columns, find_column, read_split, require_value


def read_pixel_rows(path: Path) -> Iterator[ImageRow]:
    """Yield the images of a CSV as PNG, one at a time.

    Args:
        path: of a CSV with the columns emotion, pixels and perhaps Usage, or with other names of
            `data.sources.tables.rows.COLUMN_NAMES`. Pixels are gray levels, row by row, separated by blanks.

    Returns:
        The images, named after their row: 00000001.png is the first below the header. Their pixels are those of the
        CSV, uint8 (side, side), 0..255.

    Raises:
        PipelineError: a column is missing, or a row does not hold the gray levels of a square.
    """
    with open_csv(path) as table:
        label, pixels = find_column(table.columns, "label"), find_column(table.columns, "pixels")
        split = find_column(table.columns, "split")
        if label is None or pixels is None:
            raise PipelineError(
                f"{path} has the columns {describe_columns(table.columns)}; expected emotion, pixels and perhaps "
                "Usage: name the columns so"
            )
        for number, fields in table.rows:
            yield ImageRow(
                split=read_split(fields, split, path, number),
                label=require_value(fields[label], "label", path, number),
                name=f"{number:08d}.png",
                content=_encode(_read_levels(fields[pixels], path, number)),
            )


def _read_levels(text: str, path: Path, row: int) -> bytes:
    try:
        levels = bytes(map(int, text.split()))
    except ValueError as error:
        raise PipelineError(
            f"{path}: row {row} has pixels that are no gray levels ({show_name(str(error))}); expected whole numbers "
            "from 0 to 255, separated by blanks: correct or remove the row"
        ) from error
    side = math.isqrt(len(levels))
    if side * side != len(levels) or not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise PipelineError(
            f"{path}: row {row} has {len(levels)} pixels, expected a square with sides of {SMALLEST_SIDE} to "
            f"{LARGEST_SIDE} pixels, such as 2304 for 48x48: correct or remove the row"
        )
    return levels


def _encode(levels: bytes) -> bytes:
    from PIL import Image  # not at the top: a source of folders needs no image library

    side = math.isqrt(len(levels))
    file = io.BytesIO()
    Image.frombytes("L", (side, side), levels).save(file, "PNG")
    return file.getvalue()
