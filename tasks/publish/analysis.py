"""Gather what a report's analysis is made from: the data set, its suspects, and the last report on the same source."""

from datetime import datetime
from pathlib import Path

from data.base.errors import PipelineError
from data.manifest.table import read_manifest
from data.records.label_audit import LabelAudit
from data.records.run import RunResults
from data.views.pictures import write_faces
from data.workspace.layout import AUDITS_STAGE, DATASETS_STAGE, IMAGES_FOLDER, IMAGES_STAGE, MANIFEST_NAME
from data.workspace.store import find_damage
from models.analysis.analyse import AnalysisInputs, analyse_run, list_faces
from reports.dataset.label_audit_page import AUDIT_NAME
from reports.site.stored_reports import list_reports


def add_analysis(results: RunResults, root: Path, own_key: str, faces: Path) -> RunResults:
    """Return the results with their analysis, and write the faces that it names.

    Args:
        results: the run, with the keys of its stages in the lineage.
        root: of the workspace, which has those stages.
        own_key: of the report that is made; it is not compared with itself.
        faces: the .npz to write, see `data.views.pictures.write_faces`.
    """
    audit = find_stage(results, root, AUDITS_STAGE)
    inputs = AnalysisInputs(
        manifest=read_manifest(require_stage(results, root, DATASETS_STAGE) / MANIFEST_NAME),
        suspects=load_suspects(audit) if audit else None,
        last=find_last_report(results, root, own_key),
    )
    analysis = analyse_run(results, inputs)
    write_faces(require_stage(results, root, IMAGES_STAGE) / IMAGES_FOLDER, list_faces(analysis), faces)
    return results.model_copy(update={"analysis": analysis})


def find_stage(results: RunResults, root: Path, stage: str) -> Path | None:
    """Return the directory of a stage that a report was made from, or None where the lineage has none of it."""
    key = results.lineage.get(stage)
    return root / stage / key if key else None


def require_stage(results: RunResults, root: Path, stage: str) -> Path:
    """Return the directory of a stage that a report was made from.

    Raises:
        PipelineError: it is not in the workspace any more.
    """
    path = find_stage(results, root, stage)
    if path is None or find_damage(path):
        raise PipelineError(
            f"got no whole {stage} stage of the report in {root} ({path or 'not in its lineage'}), expected the one "
            "that it was made from: run again with the same choices"
        )
    return path


def load_suspects(audit: Path) -> frozenset[str] | None:
    """Return the ids of the images whose labels an audit suspects, or None where nothing was audited."""
    record = LabelAudit.model_validate_json((audit / AUDIT_NAME).read_text())
    return frozenset(suspect.image_id for suspect in record.suspects) if record.images else None


def find_last_report(results: RunResults, root: Path, own_key: str) -> RunResults | None:
    """Return the newest other report on the same source that was there when this run started, or None.

    It is no input of the report's stage: the same run again is to be found done, whatever was reported in between.
    """
    started = datetime.fromisoformat(results.started)
    reports, _ = list_reports(root)
    earlier = (
        report.results
        for report in reports
        if report.key != own_key
        and datetime.fromisoformat(report.created) <= started
        and report.results.data.source == results.data.source
        and not find_damage(report.path)
    )
    return next(earlier, None)
