"""Compare a data set with the last one accepted from the same source."""

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.errors import DataRejected
from data.profile import ProfileChange, compare_profiles, read_profile
from data.source import DatasetSource
from data.workspace import Produced, Workspace, hash_json
from tasks.stages import finish
from tasks.validate import DATASETS_STAGE, PROFILE_NAME

ACCEPTED_FOLDER = "accepted"


@task(task_run_name="compare with the last data", cache_policy=NO_CACHE)
def compare_with_last(dataset: Produced, source: DatasetSource, workspace: Workspace) -> Produced:
    """Say what changed since the last accepted data set of this source, then accept this one.

    Raises:
        DataRejected: it changed beyond a limit; a forced run accepts it all the same.
    """
    pointer = workspace.root / ACCEPTED_FOLDER / hash_json(source.location or source.kind)
    last_key = pointer.read_text() if pointer.exists() else ""
    last_profile = workspace.directory(DATASETS_STAGE, last_key) / PROFILE_NAME
    if last_key and last_key != dataset.key and last_profile.exists():
        change = compare_profiles(read_profile(last_profile), read_profile(dataset.path / PROFILE_NAME))
        _publish(change)
        _refuse_critical(change, workspace.force)
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(dataset.key)
    return finish(dataset, cached=last_key == dataset.key)


def _publish(change: ProfileChange) -> None:
    for finding in change.findings:
        if not finding.success:
            get_run_logger().warning("%s: %s", finding.severity, finding.message)
    create_table_artifact(
        key="data-change",
        table=[
            {"rule": f.rule, "severity": f.severity, "passed": "yes" if f.success else "no", "what": f.message}
            for f in change.findings
        ],
        description="What changed since the last accepted data set of this source",
    )


def _refuse_critical(change: ProfileChange, force: bool) -> None:
    critical = [f.message for f in change.findings if not f.success and f.severity == "critical"]
    if critical and not force:
        raise DataRejected(
            f"the data set changed beyond a limit since the last accepted one: {' '.join(critical)} "
            "Look at the artifact data-change; run with --force to accept it"
        )
