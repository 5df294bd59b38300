"""Summary of the scores of a source, and the table of all of them, after everything new is scored."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from data.records.scores import SCORES_CSV, SCORES_TABLE, SUMMARY_NAME, ScoreSummary
from data.sources.secrets import mask_secrets
from data.workspace.atomic import write_atomically
from models.jobs.scoring import ScoreSpec
from serving.predictor import Predictor
from serving.score.counts import RowCounter
from serving.score.drift import MeasureCollector, compare_with_training
from serving.score.merge import merge_parts
from serving.score.parts import list_parts, make_schema


class SummaryReader:
    """Counts the rows of all parts while they pass by.

    Args:
        first_new: name of the first part that is new.
    """

    def __init__(self, first_new: str) -> None:
        self._first_new = first_new
        self.newest, self.total, self.measures = RowCounter(), RowCounter(), MeasureCollector()
        self.versions: dict[str, int] = {}

    def __call__(self, part: str, rows: pa.Table) -> None:
        """Count the rows of a part."""
        self.total.add(rows)
        if part >= self._first_new:
            self.newest.add(rows)
            self.measures.add(rows)
        for version, face in zip(rows["version"].to_pylist(), rows["face"].to_pylist(), strict=True):
            if face in (None, 1):
                self.versions[version] = self.versions.get(version, 0) + 1


def finish_scores(spec: ScoreSpec, predictor: Predictor) -> None:
    """Write the table of all scores, then the summary, which says up to which part they are counted.

    New are the photos since the last summary: a run that was killed and started again tells of all that both scored.
    Without new photos, the summary goes on telling of the last ones.
    """
    former, parts = read_summary(spec.directory), list_parts(spec.directory)
    new = [part for part in parts if not former or part > former.last_part]
    first = new[0] if new else former.first_part if former else ""
    tables = (spec.directory / SCORES_TABLE, spec.directory / SCORES_CSV)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if former and not new and all(path.exists() for path in tables):
        summary = former.model_copy(update={"scored_now": 0, "finished": now, **_describe(predictor)})
    else:
        reader = SummaryReader(first)
        labels = predictor.bundle.data_format.labels
        merge_parts(spec.directory, make_schema(labels, whole=False), reader)
        newest = reader.newest.counts(labels)
        summary = ScoreSummary(
            source=mask_secrets(spec.source),
            faces=spec.faces,
            **_describe(predictor),
            versions=reader.versions,
            finished=now,
            scored_now=newest.photos if new else 0,
            newest=newest,
            newest_finished=former.newest_finished if former and not new else now,
            total=reader.total.counts(labels),
            drift=compare_with_training(spec.workspace, predictor.bundle.variant_key, reader.measures),
            first_part=first,
            last_part=parts[-1] if parts else "",
            parts=len(parts),
        )
    write_atomically(spec.directory / SUMMARY_NAME, summary.model_dump_json(indent=1))


def forget_if_parts_are_lost(directory: Path) -> None:
    """Remove the summary if somebody removed a part that it counts: the photos of it are then scored and counted."""
    former, parts = read_summary(directory), list_parts(directory)
    if former and (parts[: former.parts][-1:] or [""])[-1] != former.last_part:
        (directory / SUMMARY_NAME).unlink()


def read_summary(directory: Path) -> ScoreSummary | None:
    """Read the summary of the last finished run; None if there is none that can be read, so that all is counted."""
    try:
        return ScoreSummary.model_validate_json((directory / SUMMARY_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def _describe(predictor: Predictor) -> dict[str, Any]:
    bundle = predictor.bundle
    return {
        "version": predictor.version,
        "variant": bundle.variant,
        "accuracy": bundle.accuracy,
        "accuracy_low": bundle.accuracy_low,
        "accuracy_high": bundle.accuracy_high,
        "truth": bundle.truth,
        "threshold": bundle.threshold,
    }
