"""Child command that makes one crop of each photo of a folder: `python -m data.photos.crop_folder SPEC_JSON_PATH`.

A photo without a face gives the whole photo, made small, and a file that is no photo gives an empty file: each keeps
its path, so that the checks of the data set name it and set it aside.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import Field, ValidationError

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.base.record import Record
from data.manifest.decoding import fit_to_size
from data.manifest.face_columns import FACES_NAME
from data.manifest.measures import list_files
from data.photos.crop import crop_face, judge_face, measure_side
from data.photos.detector import FaceFinder
from data.photos.found_face import FoundFace
from data.photos.reading import PhotoLimits, PhotoRefused, read_photo
from data.records.events import ExamplesWritten, ViewsDone
from data.system.child_process import emit, run_child

BYSTANDER_SHARE = 0.5
"""A face less than this times as large as the largest one of its photo is a bystander, and is not counted."""

PHOTOS_AHEAD = 2
"""Photos that wait for each thread; bounds the memory."""

PHOTOS_PER_EVENT = 20


class CropsSpec(Record):
    """Specification of the crops of a folder of photos."""

    photos: Path = Field(description="directory with photos at any depth")
    images: Path = Field(description="directory to fill with a crop for each, under the same path")
    table: Path = Field(description=f"the table to write, named {FACES_NAME}")
    data_format: DataFormat = Field(description="size and colour of the crops; the labels do not matter")
    limits: PhotoLimits = PhotoLimits()
    threads: int = Field(default=1, ge=1, le=256, description="threads, each with a detector of its own")


def crop_photos(spec: CropsSpec, on_progress: Callable[[int, int], None]) -> pd.DataFrame:
    """Write a crop for each photo, and the table of what was found.

    Args:
        spec: what to crop; its `threads` do not change the result.
        on_progress: called with the photos done and all of them.

    Returns:
        One row a photo, in the order of paths: path, outcome (see `serving.answers`: faces, no_face, unreadable or
        too_large, and too_small, cut_off or turned_away of its largest face), faces, face_side (pixels), certainty
        (0..1) and message.
    """
    paths = list_files(spec.photos)
    local = threading.local()

    def crop(path: str) -> dict[str, Any]:
        if not hasattr(local, "finder"):
            local.finder = FaceFinder()
        return {"path": path, **_crop_photo(path, spec, local.finder)}

    FaceFinder()  # raises here, once, if a part is missing
    rows = []
    with ThreadPoolExecutor(spec.threads) as pool:
        for row in _in_turn(pool, crop, paths, PHOTOS_AHEAD * spec.threads):
            rows.append(row)
            if len(rows) % PHOTOS_PER_EVENT == 0 or len(rows) == len(paths):
                on_progress(len(rows), len(paths))
    table = pd.DataFrame(rows).sort_values("path", ignore_index=True)
    table.to_parquet(spec.table, index=False)
    return table


def _in_turn(
    pool: ThreadPoolExecutor, crop: Callable[[str], dict[str, Any]], paths: list[str], ahead: int
) -> Iterator[dict[str, Any]]:
    """Yield the rows as they get ready, with a bounded number of photos in work."""
    waiting = iter(paths)
    pending: set[Future[dict[str, Any]]] = set()
    try:
        while True:
            pending |= {pool.submit(crop, path) for path in islice(waiting, ahead - len(pending))}
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in pending:
            future.cancel()


def _crop_photo(path: str, spec: CropsSpec, finder: FaceFinder) -> dict[str, Any]:
    """Write the crop of a photo and describe what was found in it."""
    target = spec.images / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        photo = read_photo(spec.photos / path, spec.limits)
    except PhotoRefused as refused:
        target.write_bytes(b"")
        message = str(refused).replace(str(spec.photos / path), "the file")
        return {"outcome": refused.outcome, "faces": 0, "face_side": 0.0, "certainty": 0.0, "message": message}
    faces = finder.find(photo.pixels)
    if not faces:
        _save(_whole_photo(photo.pixels, spec.data_format), target)
        return {"outcome": "no_face", "faces": 0, "face_side": 0.0, "certainty": 0.0, "message": ""}
    largest = max(faces, key=measure_side)
    outcome, notes = judge_face(largest, photo.width, photo.height)
    _save(crop_face(photo.pixels, largest, spec.data_format), target)
    return {
        "outcome": "faces" if outcome == "scored" else outcome,
        "faces": count_main_faces(faces),
        "face_side": measure_side(largest),
        "certainty": largest.certainty,
        "message": "; ".join(notes),
    }


def count_main_faces(faces: tuple[FoundFace, ...]) -> int:
    """Count the faces of a photo without bystanders."""
    sides = [measure_side(face) for face in faces]
    return sum(side >= BYSTANDER_SHARE * max(sides) for side in sides)


def _whole_photo(pixels: np.ndarray, data_format: DataFormat) -> np.ndarray:
    image = Image.fromarray(pixels).convert("L" if data_format.channels == 1 else "RGB")
    return np.asarray(fit_to_size(image, (data_format.width, data_format.height))).reshape(data_format.shape)


def _save(pixels: np.ndarray, path: Path) -> None:
    """Write a crop as PNG, whatever the photo's name ends with: readers look at the content."""
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(path, format="PNG")


def _read_spec(arguments: list[str]) -> CropsSpec:
    if len(arguments) != 1:
        raise PipelineError(f"got {len(arguments)} arguments, expected one: the path of a specification of crops")
    try:
        return CropsSpec.model_validate_json(Path(arguments[0]).read_bytes())
    except (OSError, ValidationError) as error:
        raise PipelineError(f"{arguments[0]} is not a specification of crops: {error}") from error


def main() -> None:
    """Make the crops that the specification on the command line asks for, with progress as events."""
    spec = _read_spec(sys.argv[1:])
    table = crop_photos(spec, lambda done, total: emit(ExamplesWritten(done=done, total=total)))
    emit(ViewsDone(files=len(table), images=int((table["faces"] > 0).sum())))


if __name__ == "__main__":
    run_child(main)
