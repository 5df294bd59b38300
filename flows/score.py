"""Flow `score`: the champion on a folder, an archive or a list of photos, each time on those that are new."""

from functools import partial
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run

from data.sources.secrets import mask_secrets
from flows.logs import configure_logs
from flows.parameters import Help
from flows.settings import load_settings
from flows.steps.chosen_version import choose_version
from flows.steps.photos import locate_photos
from flows.steps.scoring import score_on_dask
from serving.answers import FaceMode
from tasks.publish.scores import ScoreChoice, publish_scores, score_in_child, score_photos
from tasks.support.child_processes import training_children
from tasks.support.earlier_attempts import crash_earlier_tasks
from tasks.support.outcomes import record_of

Photos = Annotated[
    str,
    Help(
        "Photos: a folder, a zip or tar, a list of paths or addresses (.txt or .csv), a pattern, or the address of an "
        "image."
    ),
]
Model = Annotated[
    str,
    Help("Version: champion, challenger or a number; of another registered model than emotion: NAME or NAME/VERSION."),
]
Export = Annotated[str, Help("Directory of an export, instead of a registered model.")]
Faces = Annotated[
    FaceMode,
    Help("find: look for faces; given: each is a cropped face; auto: given for pictures of the network's size."),
]
Again = Annotated[bool, Help("Score all photos again, such as with a new champion; otherwise those that are new.")]
Out = Annotated[str, Help("Folder for a copy of the table and the page; they stay in the workspace in any case.")]


def name_run() -> str:
    """Build a short name of the running flow."""
    return f"score {Path(mask_secrets(flow_run.parameters['source'])).name or 'nothing'}"


@flow(name="score", flow_run_name=name_run, log_prints=False, on_running=[crash_earlier_tasks])
def score(
    source: Photos = "",
    model: Model = "champion",
    export: Export = "",
    faces: Faces = "auto",
    again: Again = False,
    out: Out = "",
) -> Path:
    """Score the photos of a source that are new or changed, and tell what all scores are together.

    The types of the parameters describe them.

    Returns:
        The directory of the scores.
    """
    configure_logs()
    settings = load_settings()
    workspace = settings.open_workspace()
    name, version = choose_version(model, workspace.root)
    choice = ScoreChoice(
        source=locate_photos(source), model=name, version=version, export=export, faces=faces, again=again
    )
    with training_children() as children:
        work = partial(score_on_dask, settings.dask) if settings.dask else partial(score_in_child, children)
        directory = record_of(score_photos(choice, settings.extract_limits(), workspace, work))
    publish_scores(directory, out)
    return directory
