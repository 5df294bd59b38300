"""Inputs of a report's analysis: the data set, its suspected labels, and the last report on the same source."""

from pathlib import Path

from data.base.errors import PipelineError
from data.base.times import parse_time
from data.manifest.table import read_manifest
from data.records.label_audit import LabelAudit
from data.records.run import RunResults
from data.views.pictures import write_faces
from data.workspace.layout import AUDIT_NAME, AUDITS_STAGE, DATASETS_STAGE, IMAGES_FOLDER, IMAGES_STAGE, MANIFEST_NAME
from data.workspace.stage_record import find_damage
from models.analysis.analyse import AnalysisInputs, analyse_run, list_faces
from models.evaluation.judging import make_truth
from reports.site.stored_reports import list_reports


def add_analysis(results: RunResults, root: Path, own_key: str, faces: Path) -> RunResults:
    """Add the analysis to the results of a run, and write the faces that it names.

    Args:
        results: the run, with the keys of its stages in the lineage.
        root: directory of the workspace with these stages.
        own_key: key of the report that is being made; it is not compared with itself.
        faces: the .npz to write, see `data.views.pictures.write_faces`.
    """
    audit = find_stage(results, root, AUDITS_STAGE)
    manifest = read_manifest(require_stage(results, root, DATASETS_STAGE) / MANIFEST_NAME)
    inputs = AnalysisInputs(
        manifest=manifest,
        truth=make_truth(results.truth, manifest, results.classes),
        suspects=load_suspects(audit) if audit else None,
        last=find_last_report(results, root, own_key),
    )
    analysis = analyse_run(results, inputs)
    images = require_stage(results, root, IMAGES_STAGE) / IMAGES_FOLDER
    write_faces(images, list_faces(analysis), results.data.data_format, faces)
    return results.model_copy(update={"analysis": analysis})


def find_stage(results: RunResults, root: Path, stage: str) -> Path | None:
    """Find the directory of a stage that a report was made from; None if the lineage does not name it."""
    key = results.lineage.get(stage)
    return root / stage / key if key else None


def require_stage(results: RunResults, root: Path, stage: str) -> Path:
    """Find the directory of a stage that a report was made from, and check that it is complete.

    Raises:
        PipelineError: it is no longer in the workspace, or damaged.
    """
    path = find_stage(results, root, stage)
    if path is None or find_damage(path):
        raise PipelineError(
            f"got no complete {stage} stage of the report in {root} ({path or 'not in its lineage'}), expected the one "
            "that it was made from: run again with the same choices"
        )
    return path


def load_suspects(audit: Path) -> frozenset[str] | None:
    """Read the ids of the images with suspected labels; None if nothing was audited."""
    record = LabelAudit.model_validate_json((audit / AUDIT_NAME).read_bytes())
    return frozenset(suspect.image_id for suspect in record.suspects) if record.images else None


def find_last_report(results: RunResults, root: Path, own_key: str) -> RunResults | None:
    """Find the newest other report on the same source that existed when this run started; None if there is none.

    It is not an input of the report's stage: a repeated run finds its report, even if others were made in between.
    """
    started = parse_time(results.started)
    reports, _ = list_reports(root)
    earlier = (
        report.results
        for report in reports
        if report.key != own_key
        and parse_time(report.created) <= started
        and report.results.data.source == results.data.source
        and not find_damage(report.path)
    )
    return next(earlier, None)
