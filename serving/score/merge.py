"""Table of all scores: made from the parts in memory that hardly grows with their number."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from data.records.scores import SCORES_CSV, SCORES_TABLE
from data.workspace.atomic import sync_directory, sync_file
from serving.score.parts import last_places, list_parts, read_part

GROUP_ROWS = 20_000
"""Rows that are held in memory, and written together."""

RowReader = Callable[[str, pa.Table], None]
"""Gets the name of a part and the rows of it that count, with all columns of a part."""


def merge_parts(directory: Path, schema: pa.Schema, read: RowReader) -> None:
    """Write the last answer on each photo as Parquet and as CSV, both replaced as a whole.

    Args:
        directory: of the scores.
        schema: columns of the table.
        read: gets the rows as they pass by.
    """
    targets = [directory / SCORES_TABLE, directory / SCORES_CSV]
    temporary = [path.with_name(f".{path.name}.writing") for path in targets]
    parts = list_parts(directory)
    places = last_places(directory, parts)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(pq.ParquetWriter(temporary[0], schema)),
            stack.enter_context(pa_csv.CSVWriter(temporary[1], schema)),
        ]
        waiting: list[pa.Table] = []
        for part in parts:
            rows = read_part(directory, part)
            rows = rows.filter(np.array([places[file] == part for file in rows["file"].to_pylist()], bool))
            read(part, rows)
            waiting.append(rows.select(schema.names))
            if sum(map(len, waiting)) >= GROUP_ROWS:
                _write(waiting, writers)
        _write(waiting, writers)
    for old, path in zip(temporary, targets, strict=True):
        sync_file(old)
        old.replace(path)
    sync_directory(directory)


def _write(waiting: list[pa.Table], writers: list[pq.ParquetWriter | pa_csv.CSVWriter]) -> None:
    if waiting:
        group = pa.concat_tables(waiting).combine_chunks()
        for writer in writers:
            writer.write_table(group)
        waiting.clear()
