"""Exports of a training: written by a child process, each format checked in another, and told to the registry."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.base.errors import ChildKilled, PipelineError
from data.records.export import BUNDLE_NAME, TITLES, ExportBundle, ExportedFormat, ExportFormat
from data.system.hardware import threads_per_child
from data.workspace.digests import digest_sources
from data.workspace.layout import DATASETS_STAGE, EXPORTS_STAGE
from data.workspace.store import Produced, Workspace
from models.evaluation.judging import PUBLISHED, Truth
from models.evaluation.predictions import correctness_of
from models.export import gate, jobs, readme, training
from models.export.bundle import read_bundle
from models.export.facts import describe_training
from models.export.find import TRAINING_INPUT, find_export
from models.export.gate import compare, judge, refuse
from models.export.jobs import EXACT_FORMATS, FORMATS, JUDGED_PART, PATHS, CheckSpec, Times, WriteSpec
from models.export.readme import write_readme
from models.export.reported import Reported, find_reported
from models.export.training import Training, find_training
from models.jobs.files import NETWORK_NAME, PREDICTIONS_NAME
from models.registry.connection import MODEL_NAME
from models.registry.lookup import find_version
from models.registry.tags import REPORT_TAG, VARIANT_TAG
from models.registry.versions import VersionStore
from tasks.publish.truths import load_truth
from tasks.support.child_processes import Children, ChildStopped, ignore_event, run_on_spec
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (jobs.WRITE, jobs.CHECK, gate, readme, training)

JudgeFormat = Callable[[ExportFormat], ExportedFormat]

WORK_NAME = "work"
"""Folder with the validation images and the answers of each format, removed once the export is finished."""


@task(task_run_name="export {name}", cache_policy=NO_CACHE)
@watched
def export_variant(
    name: str, key: str, workspace: Workspace, children: Children, reported: Reported | None = None
) -> Produced:
    """Export a training in every format, and show which of them may be used.

    Args:
        name: of its variant.
        key: of the training.
        workspace: contains the training and its images; the export is written into it.
        children: write and run the formats.
        reported: labels that its report judges it by; None is the published ones.

    Raises:
        PipelineError: the training, its images or these labels are no longer in the workspace, or the network cannot
        be loaded.
    """
    produced = make_export(key, workspace, children, reported)
    _show(produced.path)
    return finish(produced, produced.cached)


@task(task_run_name="export version {version}", cache_policy=NO_CACHE)
@watched
def export_registered(version: int, workspace: Workspace, children: Children, model: str = MODEL_NAME) -> Path:
    """Export a version that has no export yet, and show which formats may be used; see `export_version`."""
    path = export_version(version, workspace, children, model)
    _show(path)
    return path


def _show(path: Path) -> None:
    bundle = read_bundle(path)
    for one in bundle.formats:
        if not one.offered:
            title = TITLES[one.format]
            get_run_logger().warning("%s of %s is not offered: %s", title, bundle.variant, one.reason)
    table, where = [one.describe() for one in bundle.formats], f"Exports of {bundle.variant} in {path}"
    create_table_artifact(key="exports", table=table, description=where)


def make_export(key: str, workspace: Workspace, children: Children, reported: Reported | None = None) -> Produced:
    """Return the stage of an export; write and check it if it does not exist yet. See `export_variant`."""
    labels = reported or Reported()
    inputs = {TRAINING_INPUT: key, **labels.inputs, "code": digest_sources(KEY_MODULES)}

    def write(out: Path) -> None:
        write_export(find_training(workspace.root, key), out, children, _load_truth(labels, workspace))

    return workspace.produce(EXPORTS_STAGE, inputs, write, give_up=children.is_stopping)


def _load_truth(labels: Reported, workspace: Workspace) -> Truth:
    if labels.truth == "published":
        return PUBLISHED
    return load_truth(workspace.obtain(DATASETS_STAGE, labels.dataset), labels.truth)


def export_version(version: int, workspace: Workspace, children: Children, model: str = MODEL_NAME) -> Path:
    """Return the directory of the export of a version; make it if it has none yet, and tell the registry.

    It has the threshold and the figures of the report that the version was registered with.

    Args:
        version: its number; 0 is the champion.
        workspace: contains the registry and the training.
        children: write and run the formats.
        model: name of the registered model.

    Raises:
        PipelineError: there is no such version, or its training is no longer in the workspace.
        TransientError: MLflow is unreachable.
    """
    found = find_version(workspace.root, model, version)
    if not found.version:
        raise PipelineError(
            f"got no champion of the model {model}, expected one: run emotion run, or choose a version of "
            "emotion models list"
        )
    key = found.tags.get(VARIANT_TAG, "")
    reported = find_reported(workspace.root, key, found.tags.get(REPORT_TAG, ""))
    path = find_export(workspace.root, key, reported) or make_export(key, workspace, children, reported).path
    VersionStore(workspace.root, model).describe(found.version, export_tags(path))
    return path


def export_tags(path: Path) -> dict[str, str]:
    """Describe an export for the tags of its version: its key, and each format in one line."""
    tags = {"emotion.export": path.name}
    for one in read_bundle(path).formats:
        figures = (f"{name} {text}" for name, text in one.describe().items() if name != "format" and text)
        tags[f"emotion.export.{one.format}"] = "; ".join(figures)
    return tags


def write_export(source: Training, out: Path, children: Children, truth: Truth = PUBLISHED) -> None:
    """Write a training in every format, check each, and write the record and the README.

    Args:
        source: the training and its images.
        out: directory of the export.
        children: write and run the formats.
        truth: labels that decide which answers are right.
    """
    work = out / WORK_NAME
    work.mkdir()
    draft = describe_training(source.directory, truth)
    faults = _write_formats(source, draft, out, children)
    judge_format = partial(_judge, draft=draft, truth=truth, out=out)
    formats = tuple(_check(name, faults.get(name, ""), judge_format, out, children) for name in FORMATS)
    bundle = draft.model_copy(update={"formats": formats})
    (out / BUNDLE_NAME).write_text(bundle.model_dump_json(indent=1), encoding="utf-8")
    (out / jobs.README_NAME).write_text(write_readme(bundle), encoding="utf-8")
    shutil.rmtree(work)


def _write_formats(source: Training, draft: ExportBundle, out: Path, children: Children) -> dict[ExportFormat, str]:
    threads, work = threads_per_child(1), out / WORK_NAME
    spec = WriteSpec(
        network=source.directory / NETWORK_NAME, records=source.records, out=out, bundle=draft, threads=threads
    )
    run_on_spec(children, jobs.WRITE, spec, work, ignore_event, threads=threads)
    return json.loads((work / jobs.FAULTS_NAME).read_bytes())


def _check(name: ExportFormat, fault: str, judge_format: JudgeFormat, out: Path, children: Children) -> ExportedFormat:
    """Run a format in its runtime and judge it; a format that does not run is not offered."""
    if fault:
        return refuse(name, out, f"it could not be written: {fault}")
    work = out / WORK_NAME / name
    work.mkdir()
    spec = CheckSpec(format=name, path=out / PATHS[name], pixels=work.parent / jobs.PIXELS_NAME)
    try:
        run_on_spec(children, jobs.CHECK, spec, work, ignore_event)
    except (ChildKilled, ChildStopped):
        raise
    except PipelineError as error:
        return refuse(name, out, f"it could not be run: {error}")
    return judge_format(name)


def _judge(name: ExportFormat, draft: ExportBundle, truth: Truth, out: Path) -> ExportedFormat:
    import numpy as np
    import pandas as pd

    work = out / WORK_NAME
    network = pd.read_parquet(work / PREDICTIONS_NAME, filters=[("part", "==", JUDGED_PART)])
    answers = np.load(work / name / jobs.ANSWERS_NAME)
    times = Times.model_validate_json((work / name / jobs.TIMES_NAME).read_bytes())
    check = compare(network, answers, draft, name in EXACT_FORMATS, truth)
    return judge(name, out, check, times, float(correctness_of(truth.judge(network)).mean()))
