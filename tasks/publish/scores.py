"""Tasks of scored photos: what is new is scored, then the counts, the drift and a page are shown."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import httpx
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from data.base.errors import PipelineError
from data.base.record import Record
from data.records.events import Event
from data.records.scores import SCORES_CSV, SCORES_TABLE, SUMMARY_NAME, PhotosScored, ScoreSummary
from data.sources.limits import ExtractLimits
from data.workspace.digests import hash_json
from data.workspace.layout import SCORES_FOLDER
from data.workspace.store import Workspace
from models.jobs.files import CHILD_LOG_NAME, SPEC_NAME
from models.jobs.scoring import SCORE, ScoreSpec
from reports.scores import (
    SCORES_PAGE,
    class_row,
    count_rows,
    drift_rows,
    drift_sentence,
    score_sentences,
    write_scores_page,
)
from tasks.support.child_processes import Children
from tasks.support.events import SCORES_DRIFTED, emit
from tasks.support.links import link_page
from tasks.support.progress import watched
from tasks.training.train import KILLED_RETRIES, was_killed

ARTIFACT_SECONDS = 5.0
LOG_SECONDS = 20.0

WRITTEN = (SCORES_TABLE, SCORES_CSV, SCORES_PAGE, SUMMARY_NAME)
"""Files that a person gets in a folder of their own, if they name one."""


Work = Callable[[ScoreSpec, "ScoringLog"], None]
"""Scores what a specification asks for, and tells the progress."""


class ScoreChoice(Record):
    """What is scored, and by which network."""

    source: str
    model: str
    version: int = 0
    """0 is the champion."""
    export: str = ""
    """Directory of an export, instead of a registered model."""
    faces: str = "auto"
    again: bool = False

    @property
    def key(self) -> str:
        """Name of the directory of the scores: other for another source, model, or way to look for faces."""
        return hash_json({"source": self.source, "model": self.export or self.model, "faces": self.faces})


@task(
    task_run_name="score photos",
    retries=KILLED_RETRIES,
    retry_condition_fn=was_killed,
    cache_policy=NO_CACHE,
)
@watched
def score_photos(choice: ScoreChoice, limits: ExtractLimits, workspace: Workspace, work: Work) -> Path:
    """Score what is new or changed in a source; after a kill it goes on after the last finished part.

    Args:
        choice: what is scored.
        limits: on the content of an archive.
        workspace: the scores are in it.
        work: scores.

    Returns:
        The directory of the scores.

    Raises:
        PipelineError: the source does not exist, or there is no such network.
    """
    directory = workspace.root / SCORES_FOLDER / choice.key
    workspace.require_space(0, "the scores")
    spec = ScoreSpec(
        source=choice.source,
        model=choice.model,
        version=choice.version,
        export=Path(choice.export) if choice.export else None,
        faces=choice.faces,
        again=choice.again,
        request=str(flow_run.id or uuid4()),
        workspace=workspace.root,
        directory=directory,
        limits=limits,
    )
    log = ScoringLog()
    work(spec, log)
    log.finish()
    return directory


def score_in_child(children: Children, spec: ScoreSpec, log: "ScoringLog") -> None:
    """Let a child process score."""
    with TemporaryDirectory(prefix="emotion-score-") as folder:
        path = Path(folder, SPEC_NAME)
        path.write_text(spec.model_dump_json(), encoding="utf-8")
        children.run(SCORE, path, Path(folder, CHILD_LOG_NAME), log)


class ScoringLog:
    """Turns the events of the scoring into log lines and a progress artifact."""

    def __init__(self) -> None:
        self.logger = get_run_logger()
        self.artifact: UUID = create_progress_artifact(  # type: ignore[assignment]
            progress=0.0, key="scoring", description="Photos that are scored"
        )
        self.moved = self.logged = 0.0

    def __call__(self, event: Event) -> None:
        """Take one event of the scoring.

        These are not in `models.jobs.events`, which is in the keys of trainings: a change there trains again.
        """
        if event.event == "photos_scored":
            self._progress(PhotosScored.model_validate(event.model_dump()))
        elif event.event == "scores_awaited" and self._is_due("logged", LOG_SECONDS):
            self.logger.info("another run scores the same photos; this one waits until it has ended")

    def finish(self) -> None:
        """Move the artifact to its end, also of a pass that found nothing new and so had no fraction to tell."""
        self._move(1.0)

    def _progress(self, event: PhotosScored) -> None:
        is_last = bool(event.total) and event.done >= event.total
        if is_last or self._is_due("logged", LOG_SECONDS):
            of_all = f" of {event.total:,}" if event.total else ""
            self.logger.info("%s%s new photos scored, %s unchanged", f"{event.done:,}", of_all, f"{event.before:,}")
        if event.total and (is_last or self._is_due("moved", ARTIFACT_SECONDS)):
            self._move(event.done / event.total)

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - getattr(self, what) < seconds:
            return False
        setattr(self, what, now)
        return True

    def _move(self, fraction: float) -> None:
        """Move the artifact; if the API cannot be reached, log a warning and let the scoring go on."""
        try:
            update_progress_artifact(self.artifact, progress=round(100 * fraction, 1))
        except httpx.HTTPError as error:
            self.logger.warning("the progress artifact could not be moved: %s", error)


@task(task_run_name="publish scores", cache_policy=NO_CACHE)
@watched
def publish_scores(directory: Path, out: str = "") -> ScoreSummary:
    """Write the page on the scores, and show the counts, the classes and the drift.

    Args:
        directory: of the scores.
        out: folder to copy the table and the page into; empty copies nothing.
    """
    summary = load_summary(directory)
    page = write_scores_page(summary, directory)
    logger = get_run_logger()
    for sentence in (*score_sentences(summary), drift_sentence(summary.drift)):
        logger.info(sentence)
    said = " ".join(score_sentences(summary))
    create_table_artifact(key="scores", table=count_rows(summary), description=said)
    create_table_artifact(
        key="scored-classes",
        table=[class_row(one) for one in summary.newest.classes],
        description="Classes of the newest faces",
    )
    rows = drift_rows(summary.drift) or [{"measure": "", "judgement": "not compared"}]
    create_table_artifact(key="scores-drift", table=rows, description=drift_sentence(summary.drift))
    link_page(page, "scores-page", "the page on the scores")
    if summary.scored_now and summary.drift.level in ("warning", "critical"):
        emit(SCORES_DRIFTED, f"scores.{directory.name}", messages=drift_sentence(summary.drift))
    if out:
        copy_scores(directory, Path(out))
    return summary


def load_summary(directory: Path) -> ScoreSummary:
    """Return the summary of the last finished run."""
    return ScoreSummary.model_validate_json((directory / SUMMARY_NAME).read_bytes())


def copy_scores(directory: Path, out: Path) -> None:
    """Copy the table, the page and the summary into a folder; each file is replaced as a whole.

    Raises:
        PipelineError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in WRITTEN:
            temporary = out / f".{name}.writing"
            shutil.copyfile(directory / name, temporary)
            temporary.replace(out / name)
    except OSError as error:
        raise PipelineError(f"got {out}, expected a folder that can be written ({error}): name another") from error
