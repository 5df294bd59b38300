"""Flow for `benchmarks.cleaning.effect`: trains one variant on a data set with cleaning and without it.

It is a separate module, because Prefect reads the address of its server at import.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from prefect import flow

from data.manifest.table import read_manifest
from data.records.training import VariantResult
from data.sources.source import parse_source
from data.workspace.layout import MANIFEST_NAME
from data.workspace.store import Produced, Workspace
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.settings import load_settings
from flows.steps.prepare import DataChoices, PreparedData, prepare_data
from flows.steps.training import train_variants
from models.catalog.presets import PRESETS
from models.catalog.train_config import TrainConfig
from models.catalog.variants import find_variant
from tasks.dataset.manifest import build_manifest
from tasks.dataset.views import build_views
from tasks.support.outcomes import record_of
from tasks.training.train import TrainingJob

ARMS = {
    "cleaned": RulePolicies(similar_to_last="off"),
    "uncleaned": RulePolicies(
        similar_to_last="off",
        not_blank="off",
        one_label_per_image="off",
        no_duplicates_across_splits="off",
        no_near_duplicates_across_splits="off",
    ),
}
"""The default policies, and the same without the rules for blank images, two labels, copies and near-duplicates."""

PRESET = PRESETS["quick"]
TRAININGS_AT_ONCE = 2


class Training(NamedTuple):
    """One finished training: its arm, its seed, its data set, and its result."""

    arm: str
    seed: int
    dataset: Path
    result: VariantResult


class Trained(NamedTuple):
    """Manifest as published, and all trainings: both arms with the same seeds in the same order."""

    manifest: pd.DataFrame
    trainings: list[Training]


@flow(name="cleaning effect", log_prints=False)
def train_arms(source: str, variant: str, seeds: Sequence[int], recipe: TrainConfig) -> Trained:
    """Train a variant for each seed, once with cleaning and once without; two trainings at a time, one thread each.

    Args:
        source: as in the flow `retrain`.
        variant: name of the network.
        seeds: random seeds for the selection part, the augmented views and the trainings.
        recipe: the same for both arms; without a time budget, so that both do the same number of steps.
    """
    settings = load_settings()
    workspace = Workspace(settings.workspace)
    runs = [(arm, seed) for seed in seeds for arm in ARMS]
    choices = [DataChoices(parse_source(source), "", ARMS[arm], DataLimits(), seed) for arm, seed in runs]
    data = [prepare_data(chosen, workspace, settings) for chosen in choices]
    views = [
        build_views(of_run.dataset, of_run.images, PRESET.shared_views, seed, workspace)
        for of_run, (_, seed) in zip(data, runs, strict=True)
    ]
    jobs = [plan_training(variant, recipe, seed) for _, seed in runs]
    results = train_variants(list(zip(jobs, views, strict=True)), TRAININGS_AT_ONCE, workspace)
    trainings = [
        Training(arm, seed, record_of(of_run.dataset).path, result)
        for (arm, seed), of_run, result in zip(runs, data, results, strict=True)
    ]
    return Trained(read_published(data[0], workspace), trainings)


def plan_training(variant: str, recipe: TrainConfig, seed: int) -> TrainingJob:
    """Describe one training on one thread."""
    return TrainingJob(
        variant=find_variant(variant),
        train=recipe,
        seed=seed,
        threads=1,
        weights_dir=None,
        allow_weight_download=False,
    )


def read_published(data: PreparedData, workspace: Workspace) -> pd.DataFrame:
    """Read the manifest of the data set as published, before images were set aside."""
    manifest: Produced = record_of(build_manifest(data.images, workspace))
    return read_manifest(manifest.path / MANIFEST_NAME)


def recipe_of(variant: str) -> TrainConfig:
    """Return the variant's recipe in the preset `quick`, without the time budget."""
    return PRESET.recipe(variant, 0).model_copy(update={"time_budget_minutes": 0.0})
