"""Task that makes a data set for cross-fitting: one fold of the train part is held out."""

import shutil
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data.manifest.table import read_manifest, write_manifest
from data.workspace.digests import digest_sources
from data.workspace.layout import FOLDS_STAGE, MANIFEST_NAME, SUMMARY_NAME
from data.workspace.store import Produced, Workspace
from models.analysis import cross_fit
from models.analysis.cross_fit import cross_fit_folds, hold_out
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (__name__, cross_fit)


@task(task_run_name="hold out fold {fold} of {folds}", cache_policy=NO_CACHE)
@watched
def hold_out_fold(dataset: Produced, fold: int, folds: int, seed: int, workspace: Workspace) -> Produced:
    """Write the manifest of a judged data set with one fold of its train part moved to test, and its summary.

    Args:
        dataset: a judged data set.
        fold: 1 to `folds`.
        folds: how many there are.
        seed: of the folds; folds of different seeds do not belong together.
        workspace: where the stage is written.
    """
    inputs = {
        "dataset": dataset.key,
        "fold": fold,
        "folds": folds,
        "seed": seed,
        "code": digest_sources(KEY_MODULES),
    }

    def write(out: Path) -> None:
        manifest = read_manifest(dataset.path / MANIFEST_NAME)
        held_out = hold_out(manifest, cross_fit_folds(manifest, folds, seed) == fold - 1)
        write_manifest(held_out, out / MANIFEST_NAME)
        shutil.copyfile(dataset.path / SUMMARY_NAME, out / SUMMARY_NAME)  # build_views reads the format of the images

    produced = workspace.produce(FOLDS_STAGE, inputs, write)
    return finish(produced, produced.cached)
