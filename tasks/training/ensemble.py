"""Task of the ensemble: the trained variants of a run vote together, in a child process."""

import json
from functools import partial
from pathlib import Path
from typing import Literal

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

from data.base.errors import ChildKilled, PipelineError
from data.records.training import VariantResult
from data.workspace.digests import digest_sources
from data.workspace.layout import VARIANTS_STAGE
from data.workspace.store import Workspace
from models.catalog.train_config import ENSEMBLE_NAME
from models.jobs import commands
from models.jobs.files import RESULT_NAME
from models.jobs.specs import EnsembleSpec
from tasks.support.child_processes import Children, ChildStopped, ignore_event, run_on_spec
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (commands.ENSEMBLE,)

DESCRIPTION = "The mean of trained variants' probabilities, with votes that were chosen on selection."


@task(task_run_name="build ensemble", cache_policy=NO_CACHE)
@watched
def build_ensemble(variants: list[VariantResult], workspace: Workspace, children: Children) -> VariantResult:
    """Build the ensemble: a variant that is the weighted vote of the trained ones.

    It is skipped if fewer than two were trained, or if no vote is better than one of them alone on selection.
    """
    trained = {variant.name: Path(variant.directory) for variant in variants if variant.status == "trained"}
    inputs = {
        "variant": ENSEMBLE_NAME,
        "candidates": {name: directory.name for name, directory in trained.items()},
        "code": digest_sources(KEY_MODULES),
    }
    if len(trained) < 2:
        reason = f"a vote takes two trained variants, and there are {len(trained)}"
        return Completed(name="Skipped", message=reason, data=unfinished_ensemble("skipped", reason))  # type: ignore[return-value]
    try:
        write = partial(_run_child, trained, children)
        produced = workspace.produce(VARIANTS_STAGE, inputs, write, give_up=children.is_stopping)
    except (ChildKilled, ChildStopped):
        raise
    except PipelineError as error:
        return Failed(message=str(error), data=unfinished_ensemble("failed", str(error)))  # type: ignore[return-value]
    stored = json.loads((produced.path / RESULT_NAME).read_text())
    result = VariantResult.model_validate({**stored, "directory": str(produced.path)})
    outcome = f"accuracy {result.parts['validation'].accuracy:.4f}" if result.parts else result.reason
    get_run_logger().info("%s: %s", ENSEMBLE_NAME, outcome)
    return finish(result, produced.cached)


def unfinished_ensemble(status: Literal["skipped", "failed"], reason: str) -> VariantResult:
    """Return the result of an ensemble that was not built, with the reason."""
    return VariantResult(name=ENSEMBLE_NAME, description=DESCRIPTION, status=status, reason=reason)


def _run_child(trained: dict[str, Path], children: Children, out: Path) -> None:
    spec = EnsembleSpec(candidates={name: directory.resolve() for name, directory in trained.items()})
    run_on_spec(children, commands.ENSEMBLE, spec, out, ignore_event)
