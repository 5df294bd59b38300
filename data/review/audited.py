"""The latest label audit of a workspace, with the data set, the images and the networks that belong to it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.manifest.table import read_manifest
from data.quality.label_corrections import empty_answers, read_answers
from data.records.dataset import DataSummary
from data.records.label_audit import LabelAudit
from data.workspace.atomic import RECORD_NAME
from data.workspace.in_use import StagesInUse
from data.workspace.layout import (
    AUDIT_NAME,
    AUDITS_STAGE,
    DATASETS_STAGE,
    IMAGES_FOLDER,
    IMAGES_STAGE,
    MANIFEST_NAME,
    QUARANTINE_NAME,
    SUMMARY_NAME,
    SUSPECTS_NAME,
    VARIANTS_STAGE,
)
from data.workspace.stage_record import StageRecord, read_record

NO_AUDIT = "no label audit yet: emotion audit or emotion run makes one"

NO_IMAGES = "a label audit, but not the images of its data set: run emotion store pull --all, or emotion run"
"""What a workspace has after `emotion store pull`, which leaves images out."""


@dataclass(frozen=True)
class AuditedData:
    """A label audit, and what it judged."""

    key: str
    audit: LabelAudit
    summary: DataSummary
    manifest: pd.DataFrame
    """Of the images that were used, see `data.manifest.table.COLUMN_TYPES`; `votes` where people voted before."""
    answers: pd.DataFrame
    """Answers of people that the audited data set was made with, see `read_answers`."""
    images: Path
    """Directory in which the paths of the manifest start."""
    networks: tuple[Path, ...]
    """Directories of the networks that judged the labels, as far as they are still there."""
    set_aside: tuple[str, ...] = ()
    """Paths of images that the data set does not use."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes, in label order."""
        return self.summary.data_format.labels


def find_latest_audit(workspace: Path) -> StageRecord | None:
    """Return the record of the audit that was made or used last; None if there is none whose data is still there.

    One that judged no image, since its networks were too weak, counts only if there is no other.
    """
    whole = [one for one in _list_audits(workspace) if all(path.is_dir() for path in _folders(workspace, one)[:2])]
    return next((one for one in whole if _judged_images(workspace, one)), next(iter(whole), None))


def explain_no_audit(workspace: Path) -> str:
    """Return what a workspace has instead if `find_latest_audit` finds nothing, and what to do."""
    return NO_IMAGES if next(_list_audits(workspace), None) else NO_AUDIT


def load_audited(workspace: Path, record: StageRecord, in_use: StagesInUse | None = None) -> AuditedData:
    """Read an audit and its data set.

    Args:
        workspace: root of the workspace.
        record: of `find_latest_audit`.
        in_use: keeps the stages from being pruned as long as it lives; None for a short use.

    Raises:
        PipelineError: a file is missing or damaged.
    """
    folder = workspace / AUDITS_STAGE / record.key
    dataset, images, *networks = _folders(workspace, record)
    for stage in (folder, dataset, images, *networks) if in_use else ():
        in_use.add(stage.parent.name, stage.name)  # type: ignore[union-attr]  # the loop is empty without it
    try:
        summary = DataSummary.model_validate_json((dataset / SUMMARY_NAME).read_bytes())
        audit = LabelAudit.model_validate_json((folder / AUDIT_NAME).read_bytes())
        suspects = folder / SUSPECTS_NAME
        answers = read_answers(suspects, summary.data_format.labels) if suspects.is_file() else empty_answers()
        manifest = read_manifest(dataset / MANIFEST_NAME)
        set_aside = _read_set_aside(dataset / QUARANTINE_NAME)
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"got the label audit {folder}, which cannot be read ({str(error).splitlines()[0]}), expected it with its "
            "data set: make it again with emotion audit --force"
        ) from error
    present = tuple(network for network in networks if network.is_dir())
    return AuditedData(record.key, audit, summary, manifest, answers, images / IMAGES_FOLDER, present, set_aside)


def _judged_images(workspace: Path, record: StageRecord) -> bool:
    """Tell whether an audit judged images; so does one that cannot be read, which is told when it is loaded."""
    try:
        audit = LabelAudit.model_validate_json((workspace / AUDITS_STAGE / record.key / AUDIT_NAME).read_bytes())
    except (OSError, ValueError):
        return True
    return audit.images > 0


def _list_audits(workspace: Path) -> Iterator[StageRecord]:
    """Yield the records of all audits, the one that was used last first."""
    for path in sorted(workspace.glob(f"{AUDITS_STAGE}/[!.]*/{RECORD_NAME}"), key=_last_use, reverse=True):
        with suppress(OSError, ValidationError):
            yield read_record(path.parent)


def _folders(workspace: Path, record: StageRecord) -> Sequence[Path]:
    """Return the directories of the data set, of the images, and of the networks."""
    inputs = record.inputs
    networks = inputs.get("variants", ())
    return (
        workspace / DATASETS_STAGE / str(inputs.get("dataset", "-")),
        workspace / IMAGES_STAGE / str(inputs.get("images", "-")),
        *(workspace / VARIANTS_STAGE / str(key) for key in networks),
    )


def _read_set_aside(path: Path) -> tuple[str, ...]:
    return tuple(pd.read_parquet(path, columns=["path"])["path"].astype("str")) if path.is_file() else ()


def _last_use(record: Path) -> float:
    try:
        return record.stat().st_mtime
    except OSError:
        return 0.0
