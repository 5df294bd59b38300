"""Task that compares a data set with the last one accepted from the same source."""

from pathlib import Path

import pandas as pd
from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.manifest.table import read_manifest
from data.quality.accepted import read_accepted
from data.quality.drift import ProfileChange, add_examples, compare_profiles, find_changed_images, read_profile, soften
from data.quality.rules import StopOrWarn
from data.records.dataset import Finding
from data.sources.source import DatasetSource
from data.workspace.digests import digest_sources
from data.workspace.layout import (
    CHANGE_NAME,
    CHANGED_IMAGES_NAME,
    CHANGES_STAGE,
    DATASETS_STAGE,
    MANIFEST_NAME,
    PROFILE_NAME,
)
from data.workspace.stage_record import read_record
from data.workspace.store import Produced, Workspace
from tasks.dataset.validate import log_findings
from tasks.support.events import DATA_DRIFTED, emit
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (__name__,)


@task(task_run_name="compare with the last data", cache_policy=NO_CACHE)
@watched
def compare_with_last(
    dataset: Produced, manifest: Produced, source: DatasetSource, policy: StopOrWarn, workspace: Workspace
) -> Produced:
    """Write what changed since the last accepted data set of this source; without one, the stage is empty.

    Args:
        dataset: the judged data set.
        manifest: the manifest that was judged.
        source: origin of both.
        policy: how a change beyond a limit counts: critical (fail), a warning (warn), or not compared at all (off).
        workspace: where the stage is written.
    """
    last = read_accepted(source, workspace).last_before(dataset.key) if policy != "off" else ""
    profile = workspace.directory(DATASETS_STAGE, last) / PROFILE_NAME if last else None
    compared = last if profile and profile.exists() else ""
    inputs = {
        "dataset": dataset.key,
        "last": compared,
        "policy": policy,
        "code": digest_sources(KEY_MODULES),
    }

    def write(out: Path) -> None:
        if profile and compared:
            former = read_profile(profile)
            changed = find_changed_images(former, read_manifest(manifest.path / MANIFEST_NAME))
            changed = changed[changed["change"] != "unchanged"].reset_index(drop=True)
            changed.to_parquet(out / CHANGED_IMAGES_NAME, index=False)
            change = add_examples(compare_profiles(former, read_profile(dataset.path / PROFILE_NAME)), changed)
            change = soften(change) if policy == "warn" else change
            (out / CHANGE_NAME).write_text(change.model_dump_json(indent=1), encoding="utf-8")

    change = workspace.produce(CHANGES_STAGE, inputs, write)
    _publish(load_changes(change), dataset.key)
    return finish(change, change.cached)


def load_changes(change: Produced) -> tuple[Finding, ...]:
    """Return the changes since the last accepted data set, one finding for each kind; none without such a data set."""
    path = change.path / CHANGE_NAME
    return ProfileChange.model_validate_json(path.read_bytes()).findings if path.exists() else ()


def load_changed_images(change: Produced) -> pd.DataFrame | None:
    """Return path, split, label and change of each added, relabelled or moved image; None without an earlier set."""
    path = change.path / CHANGED_IMAGES_NAME
    return pd.read_parquet(path) if path.exists() else None


def compared_with(change: Produced) -> str:
    """Return the key of the data set that this one was compared with, or an empty string."""
    return read_record(change.path).inputs["last"]


def _publish(findings: tuple[Finding, ...], dataset: str) -> None:
    log_findings(findings)
    beyond = [finding.message for finding in findings if not finding.success and finding.severity != "info"]
    if beyond:
        emit(DATA_DRIFTED, f"dataset.{dataset}", messages="; ".join(beyond))
    if findings:
        create_table_artifact(
            key="data-change",
            table=[
                {"rule": f.rule, "severity": f.severity, "passed": "yes" if f.success else "no", "what": f.message}
                for f in findings
            ],
            description="What changed since the last accepted data set of this source",
        )
