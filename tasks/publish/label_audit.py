"""Tasks that audit labels with the predictions of trained variants."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.manifest.table import read_manifest
from data.quality.label_corrections import (
    join_answers,
    leave_out_answered,
    read_answers,
    write_audit_csv,
    write_sample_csv,
)
from data.records.label_audit import LabelAudit
from data.records.training import VariantResult
from data.views.pictures import write_faces
from data.workspace.digests import digest_sources, hash_file
from data.workspace.layout import AUDIT_NAME, AUDITS_STAGE, IMAGES_FOLDER, MANIFEST_NAME, SUSPECTS_NAME
from data.workspace.store import Produced, Workspace
from models.analysis import label_audit
from models.analysis.label_audit import audit_cross_fit, audit_variants
from models.analysis.label_sample import LabelSample, draw_sample
from reports.common.templates import digest_templates
from reports.dataset.label_audit_page import (
    SAMPLE_NAME,
    THUMBNAILS_NAME,
    audit_sentences,
    render_audit_page,
    suspect_rows,
)
from tasks.dataset.correct_labels import load_answers
from tasks.dataset.validate import load_summary
from tasks.support.links import page_address
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (__name__, label_audit)

FACES_PER_CLASS = 24

ARTIFACT_ROWS = 200


@task(task_run_name="audit labels", cache_policy=NO_CACHE)
@watched
def audit_variant_labels(
    results: list[VariantResult], images: Produced, dataset: Produced, workspace: Workspace
) -> Produced:
    """Write the suspected labels, a CSV for corrections, and pictures of the most suspicious ones of each class.

    Args:
        results: results of all variants, including those that were not trained; if none is better than chance, the
            audit says so and suspects nothing.
        images: the extracted images.
        dataset: the judged data set that the variants were trained on.
        workspace: the stage is written into it.
    """
    return _audit(_judge_held_out, results, images, dataset, workspace, "")


@task(task_run_name="audit all labels", cache_policy=NO_CACHE)
@watched
def audit_cross_fitted(
    results: list[VariantResult], images: Produced, dataset: Produced, workspace: Workspace, answers: str = ""
) -> Produced:
    """Write the same as `audit_variant_labels` for the whole data set, from trainings that each held out one fold.

    A random sample for a person to judge is written beside it.

    Args:
        results: one for each fold.
        images: the extracted images.
        dataset: the judged data set that was divided into folds.
        workspace: the stage is written into it.
        answers: path of a filled-in sample, or nothing.

    Raises:
        PipelineError: a training failed, or the answers cannot be read.
    """
    return _audit(audit_cross_fit, results, images, dataset, workspace, answers)


def _audit(
    judge: Callable[[Sequence[VariantResult], LabelSample], LabelAudit],
    results: list[VariantResult],
    images: Produced,
    dataset: Produced,
    workspace: Workspace,
    answers: str,
) -> Produced:
    inputs = {
        "images": images.key,
        "dataset": dataset.key,
        "variants": [result.training for result in results if result.status == "trained"],
        "judged_by": judge.__name__,
        "answers_sha256": hash_file(_find_answers(answers)) if answers else "",
        "code": digest_sources(KEY_MODULES),
        "templates": digest_templates(),
    }

    def write(out: Path) -> None:
        summary = load_summary(dataset)
        manifest = read_manifest(dataset.path / MANIFEST_NAME)
        known = _gather_answers(dataset, answers, summary.data_format.labels)
        audit = leave_out_answered(judge(results, draw_sample(manifest, known)), manifest, known)
        (out / AUDIT_NAME).write_text(audit.model_dump_json(indent=1), encoding="utf-8")
        write_audit_csv(audit, manifest, known, out / SUSPECTS_NAME)
        if audit.sample:
            write_sample_csv(audit, manifest, out / SAMPLE_NAME)
        write_thumbnails(audit, images.path / IMAGES_FOLDER, summary.data_format, out / THUMBNAILS_NAME)
        render_audit_page(out, summary)

    audited = workspace.produce(AUDITS_STAGE, inputs, write)
    _publish(load_label_audit(audited), audited)
    return finish(audited, audited.cached)


def _judge_held_out(results: Sequence[VariantResult], _sample: LabelSample) -> LabelAudit:
    """Audit the held-out parts; no sample is asked for, because it would be of the whole data set."""
    return audit_variants(results)


def _find_answers(answers: str) -> Path:
    path = Path(answers).expanduser()
    if not path.is_file():
        raise PipelineError(f"got no file {path}, expected the {SAMPLE_NAME} of an audit, filled in by a person")
    return path


def _gather_answers(dataset: Produced, answers: str, labels: tuple[str, ...]) -> pd.DataFrame:
    """Return the answers that corrected the data set, and those that only inform the audit."""
    corrected = load_answers(dataset)
    return join_answers(corrected, read_answers(_find_answers(answers), labels)) if answers else corrected


def load_label_audit(audited: Produced) -> LabelAudit:
    """Read the record of a finished audit."""
    return LabelAudit.model_validate_json((audited.path / AUDIT_NAME).read_bytes())


def write_thumbnails(audit: LabelAudit, images: Path, data_format: DataFormat, path: Path) -> None:
    """Write the most suspicious faces of each label as an .npz, see `write_faces`."""
    chosen = [
        suspect.image_id
        for name in audit.labels
        for suspect in [suspect for suspect in audit.suspects if suspect.label == name][:FACES_PER_CLASS]
    ]
    write_faces(images, chosen, data_format, path)


def _publish(audit: LabelAudit, audited: Produced) -> None:
    for sentence in audit_sentences(audit):
        get_run_logger().info(sentence)
    create_table_artifact(
        key="label-audit",
        table=suspect_rows(audit, ARTIFACT_ROWS),
        description=" ".join([*audit_sentences(audit), page_address(audited.path / SUSPECTS_NAME)]),
    )
