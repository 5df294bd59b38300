"""Parts of the scores: each file has the answers on some photos, is written whole, and is never changed.

A part has the name ROUND-NUMBER.parquet. Scoring everything again begins a new round; the answers of a later part
count, so that the former ones stay valid until then.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from data.base.errors import PipelineError
from data.manifest.measures import MEASURES, measure_pixels
from data.records.scores import PARTS_FOLDER
from data.workspace.atomic import sync_directory, sync_file
from serving.answers import FaceAnswer, PhotoAnswer
from serving.score.files import PhotoMark

PART_NAME = re.compile(r"(\d{4})-(\d{6})\.parquet")
TEMPORARY_SUFFIX = ".writing"

RETRIED = "unavailable"
"""Outcome of a photo that could not be reached: the next run tries again."""

FACE_COLUMNS: dict[str, pa.DataType] = {
    "face": pa.int32(),
    "left": pa.float64(),
    "top": pa.float64(),
    "face_width": pa.float64(),
    "face_height": pa.float64(),
    "face_certainty": pa.float64(),
    "face_outcome": pa.string(),
    "notes": pa.string(),
    "label": pa.string(),
    "certainty": pa.float64(),
    "uncertain": pa.bool_(),
}
PHOTO_COLUMNS: dict[str, pa.DataType] = {
    "file": pa.string(),
    "outcome": pa.string(),
    "message": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
}
LAST_COLUMNS: dict[str, pa.DataType] = {"version": pa.string(), "scored_at": pa.timestamp("ms", "UTC")}
KEPT_COLUMNS: dict[str, pa.DataType] = {
    "fingerprint": pa.string(),
    **{f"crop_{name}": pa.float64() for name in MEASURES},
}
"""Columns of the parts that the table of all scores leaves out."""


def make_schema(labels: Sequence[str], whole: bool = True) -> pa.Schema:
    """Return the columns of a part; without `whole`, those of the table of all scores."""
    probabilities = {f"p_{label}": pa.float64() for label in labels}
    columns = PHOTO_COLUMNS | FACE_COLUMNS | probabilities | LAST_COLUMNS | (KEPT_COLUMNS if whole else {})
    return pa.schema(list(columns.items()))


def answer_rows(
    mark: PhotoMark, answer: PhotoAnswer, crops: Sequence[NDArray[np.uint8]], labels: Sequence[str], now: datetime
) -> Iterator[dict[str, Any]]:
    """Yield a row for each face of a photo; one row for a photo without a face.

    Args:
        mark: of the photo in its source.
        answer: on it.
        crops: uint8 (height, width, channels), 0..255, of the faces that have an answer, in their order.
        labels: of the network.
        now: when it was scored.
    """
    photo = {
        **answer.model_dump(include={"outcome", "message", "width", "height", "version"}),
        "file": mark.name,
        "fingerprint": mark.fingerprint,
        "scored_at": now,
    }
    pixels = iter(crops)
    for number, face in enumerate(answer.faces, start=1):
        scored = {**_answer_cells(face, labels), **_measure(next(pixels))} if face.outcome == "scored" else {}
        yield photo | _place_cells(face, number) | scored
    if not answer.faces:
        yield photo


def _place_cells(face: FaceAnswer, number: int) -> dict[str, Any]:
    cells = {"face": number, "face_outcome": face.outcome, "notes": "; ".join(face.notes)}
    if face.face is None:
        return cells
    box = face.face.box
    place = {"left": box.left, "top": box.top, "face_width": box.width, "face_height": box.height}
    return cells | place | {"face_certainty": face.face.certainty}


def _answer_cells(face: FaceAnswer, labels: Sequence[str]) -> dict[str, Any]:
    named = {f"p_{label}": share for label, share in zip(labels, face.probabilities, strict=True)}
    return {"label": face.label, "certainty": face.certainty, "uncertain": face.uncertain, **named}


def _measure(crop: NDArray[np.uint8]) -> dict[str, float]:
    """Measure a crop as the manifest measures the images of a data set: on its gray pixels."""
    gray = crop[:, :, 0] if crop.shape[2] == 1 else np.asarray(Image.fromarray(crop).convert("L"))
    return {f"crop_{name}": value for name, value in measure_pixels(gray).items()}


def write_part(directory: Path, turn: int, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> Path:
    """Write a part under the next free number; it has its name once it is on the disk.

    Args:
        directory: of the scores; only one process writes in it.
        turn: number of the round.
        rows: of `answer_rows`, all rows of a photo together.
        schema: of a part.
    """
    folder = directory / PARTS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    last = max((int(name.partition("-")[2][:6]) for name in list_parts(directory)), default=0)
    path = folder / f"{turn:04}-{last + 1:06}.parquet"
    temporary = path.with_suffix(TEMPORARY_SUFFIX)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), temporary)
    sync_file(temporary)
    temporary.replace(path)
    sync_directory(folder)
    return path


def list_parts(directory: Path) -> list[str]:
    """List the names of the parts in the order in which they count: a later one replaces an earlier one."""
    folder = directory / PARTS_FOLDER
    return sorted(name for name in os.listdir(folder) if PART_NAME.fullmatch(name)) if folder.is_dir() else []  # noqa: PTH208


def remove_unfinished(directory: Path) -> None:
    """Remove what a killed process had not finished writing; nothing in it was counted."""
    for path in (directory / PARTS_FOLDER).glob(f"*{TEMPORARY_SUFFIX}"):
        path.unlink()


def read_part(directory: Path, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a part.

    Raises:
        PipelineError: it is damaged.
    """
    path = directory / PARTS_FOLDER / name
    try:
        return pq.read_table(path, columns=list(columns) if columns else None)
    except (OSError, pa.ArrowException) as error:
        raise PipelineError(
            f"got {path}, which cannot be read ({str(error).splitlines()[0]}), expected a part of the scores: delete "
            "it, and its photos are scored again"
        ) from error


def last_places(directory: Path, parts: Iterable[str]) -> dict[str, str]:
    """Return the part that has the answer that counts for each photo: name -> part."""
    return {file: part for part in parts for file in read_part(directory, part, ["file"])["file"].to_pylist()}


def read_done(directory: Path, turn: int) -> dict[str, str]:
    """Return the photos of this round that need not be scored again: name -> fingerprint."""
    done: dict[str, str] = {}
    for part in list_parts(directory):
        if int(part[:4]) < turn:
            continue
        table = read_part(directory, part, ["file", "fingerprint", "outcome"])
        for file, fingerprint, outcome in zip(*(column.to_pylist() for column in table.columns), strict=True):
            done[file] = "" if outcome == RETRIED else fingerprint
    return done


def last_round(directory: Path) -> int:
    """Return the number of the last round that has a part; 1 if none has."""
    return max((int(name[:4]) for name in list_parts(directory)), default=1)
