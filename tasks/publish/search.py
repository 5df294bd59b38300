"""Task that publishes the result of a search: a preset file, the record of its trials, and a table of them."""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.base.errors import PipelineError
from data.records.search import PRESET_NAME, SEARCH_NAME, SearchRecord
from data.workspace.digests import digest_sources
from data.workspace.layout import SEARCHES_STAGE
from data.workspace.store import Produced, Workspace
from models.catalog import presets
from models.catalog.presets import Preset, narrow_preset
from models.catalog.train_config import TrainConfig
from reports import tuning
from reports.tuning import search_description, search_sentences, trial_rows
from tasks.support.outcomes import finish
from tasks.support.progress import watched

KEY_MODULES = (__name__, tuning, presets)


@task(task_run_name="publish search", cache_policy=NO_CACHE)
@watched
def publish_search(search: SearchRecord, preset: Preset, workspace: Workspace) -> Produced:
    """Write the winner's recipe as a preset file beside the record of all trials.

    Args:
        search: the trials that ended.
        preset: the preset that the search started from; the found preset keeps its views.
        workspace: the stage is written into it.

    Raises:
        PipelineError: no trial was finished; the table of trials is published first.
    """
    winner = search.winner
    create_table_artifact(
        key="trials", table=trial_rows(search), description=" ".join(search_sentences(search)) or None
    )
    if winner is None:
        reasons = "; ".join(f"trial {trial.number}: {trial.outcome.reason}" for trial in search.trials)
        raise PipelineError(
            f"got no finished trial ({reasons or 'none was started within the minutes'}), expected at least one: give "
            "the search more minutes, or a space of lower learning rates if trainings diverge"
        )
    inputs = {
        "search": search.model_dump(mode="json"),
        "preset": preset.model_dump(mode="json"),
        "code": digest_sources(KEY_MODULES),
    }
    found = narrow_preset(preset, search.variant, TrainConfig.model_validate(winner.recipe), search_description(search))

    def write(out: Path) -> None:
        (out / SEARCH_NAME).write_text(search.model_dump_json(indent=1), encoding="utf-8")
        (out / PRESET_NAME).write_text(found.model_dump_json(indent=1), encoding="utf-8")

    published = workspace.produce(SEARCHES_STAGE, inputs, write)
    for sentence in search_sentences(search):
        get_run_logger().info(sentence)
    return finish(published, published.cached)
