"""Scoring of a source: everything that is new or changed, once, whatever is killed in between."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import get_args

from filelock import FileLock, Timeout
from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from data.records.events import Event
from data.records.scores import PhotosScored, ScoresAwaited
from data.system.shard_processes import MapShards
from data.workspace.atomic import write_atomically
from models.jobs.scoring import ScoreSpec
from serving.answers import FaceMode
from serving.predictor import Predictor
from serving.score.blocks import Rows, answer_photos, cut_blocks, read_network, score_block
from serving.score.files import ScoreFile, count_files, is_done, list_files
from serving.score.parts import (
    RETRIED,
    last_round,
    list_parts,
    make_schema,
    read_done,
    read_part,
    remove_unfinished,
    write_part,
)
from serving.score.summary import finish_scores, forget_if_parts_are_lost

LOCK_NAME = ".lock"
ROUND_NAME = "round.json"

PART_PHOTOS = 200
PART_SECONDS = 60.0
"""A part is written after so many photos or seconds: a kill costs at most the work since the last one."""

WAIT_SECONDS = 5.0
EVENT_SECONDS = 1.0

Report = Callable[[Event], None]


class Round(Record):
    """The pass over all photos that is under way or was the last."""

    number: int = Field(default=1, ge=1, le=9999)
    request: str = Field(default="", description="that began it, so that its second start continues it")


def load_predictor(spec: ScoreSpec) -> Predictor:
    """Load the network that is asked for.

    Raises:
        PipelineError: there is none, it was not exported, or the way to look for faces is not known.
    """
    for mode in get_args(FaceMode):
        if mode == spec.faces:
            if spec.export:
                return Predictor.load(spec.export, faces=mode)
            return Predictor.champion(spec.workspace, spec.model, spec.version, mode)
    raise PipelineError(f"got faces {spec.faces}, expected one of {', '.join(get_args(FaceMode))}")


def score_source(spec: ScoreSpec, predictor: Predictor, report: Report, map_shards: MapShards | None = None) -> None:
    """Score the photos of a source that have no answer yet, and bring the table and the summary up to date.

    Args:
        spec: what to score, and where its scores are.
        predictor: scores.
        report: gets the progress.
        map_shards: scores blocks of photos elsewhere, with the files of the predictor; None: the predictor scores.

    Raises:
        PipelineError: the source does not exist or never had a photo, or the stored scores are of other classes
            or damaged.
    """
    _require_photos(spec)
    spec.directory.mkdir(parents=True, exist_ok=True)
    with _alone(spec.directory, report):
        remove_unfinished(spec.directory)
        forget_if_parts_are_lost(spec.directory)
        _check_labels(spec.directory, predictor.bundle.data_format.labels)
        Scoring(spec, predictor, report, map_shards).score()
        finish_scores(spec, predictor)


class Scoring:
    """One pass over the photos of a source.

    Args:
        spec: what to score.
        predictor: scores.
        report: gets the progress.
        map_shards: as for `score_source`.
    """

    def __init__(self, spec: ScoreSpec, predictor: Predictor, report: Report, map_shards: MapShards | None) -> None:
        self._spec, self._predictor, self._report, self._map = spec, predictor, report, map_shards
        self._round = _choose_round(spec)
        self._done = read_done(spec.directory, self._round)
        self._total, self._before = count_files(spec.source, self._done)
        self._scored, self._told = 0, time.monotonic()
        self._schema = make_schema(predictor.bundle.data_format.labels)

    def score(self) -> None:
        """Write the answers in parts, in the order of the source."""
        self._tell()
        rows: Rows = []
        photos, started = 0, time.monotonic()
        for of_photo in self._answers():
            rows += of_photo
            photos += 1
            if photos >= PART_PHOTOS or time.monotonic() - started > PART_SECONDS:
                write_part(self._spec.directory, self._round, rows, self._schema)
                rows, photos, started = [], 0, time.monotonic()
            if time.monotonic() - self._told > EVENT_SECONDS:
                self._tell()
        if rows:
            write_part(self._spec.directory, self._round, rows, self._schema)
        self._tell()

    def _answers(self) -> Iterator[Rows]:
        """Yield the rows of each photo that has an answer now."""
        for rows in self._score_here() if self._map is None else self._score_elsewhere(self._map):
            self._scored += 1
            still_missing = rows[0]["outcome"] == RETRIED and self._done.get(rows[0]["file"]) == ""
            if not still_missing:
                yield rows

    def _score_here(self) -> Iterator[Rows]:
        return answer_photos(self._predictor, ((file.mark, file.photo) for file in self._new_files()))

    def _score_elsewhere(self, map_shards: MapShards) -> Iterator[Rows]:
        blocks = cut_blocks(self._new_files(), read_network(self._predictor))
        return chain.from_iterable(map_shards(score_block, blocks))

    def _new_files(self) -> Iterator[ScoreFile]:
        return (file for file in list_files(self._spec.source, self._spec.limits) if not is_done(file.mark, self._done))

    def _tell(self) -> None:
        self._told = time.monotonic()
        self._report(PhotosScored(done=self._scored, total=self._total, before=self._before))


def _require_photos(spec: ScoreSpec) -> None:
    """Refuse a source that does not exist, or without a photo unless it had some before: a folder may be emptied."""
    photo = next(list_files(spec.source, spec.limits), None)
    if photo is None and not list_parts(spec.directory):
        raise PipelineError(
            f"got source {spec.source}, which has no photo, expected files that end as images do, such as .jpg: check "
            "the path"
        )


def _choose_round(spec: ScoreSpec) -> int:
    """Return the round of a pass: the last one, or a new one if everything is to be scored again."""
    path = spec.directory / ROUND_NAME
    stored = Round.model_validate_json(path.read_bytes()) if path.exists() else Round()
    number = max(stored.number, last_round(spec.directory))
    if not spec.again or stored.request == spec.request:
        return number
    write_atomically(path, Round(number=number + 1, request=spec.request).model_dump_json())
    return number + 1


def _check_labels(directory: Path, labels: tuple[str, ...]) -> None:
    for part in list_parts(directory)[-1:]:
        stored = read_part(directory, part).schema.names
        if missing := set(make_schema(labels).names) ^ set(stored):
            raise PipelineError(
                f"got scores in {directory} that differ in {', '.join(sorted(missing))}, expected those of the classes "
                f"{', '.join(labels)}: move the folder away, and everything is scored again"
            )


@contextmanager
def _alone(directory: Path, report: Report) -> Iterator[None]:
    """Wait until no other process scores this source; a process that ends in any way no longer counts."""
    lock = FileLock(directory / LOCK_NAME)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=WAIT_SECONDS)
        except Timeout:
            report(ScoresAwaited())
    try:
        yield
    finally:
        lock.release()
