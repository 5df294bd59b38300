"""Task that makes the images of a data set from photos: the face of each photo, cropped as the training images are."""

from pathlib import Path

import pandas as pd
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.base.named_formats import AUTO, NAMED_FORMATS, FormatChoice
from data.manifest.face_columns import FACES_NAME
from data.photos.crop_folder import CropsSpec
from data.photos.detector import WEIGHTS_SHA256
from data.records.events import ExamplesWritten
from data.system.hardware import usable_cores
from data.workspace.digests import digest_sources
from data.workspace.layout import FOLDER_NAMES_NAME, IMAGES_FOLDER, IMAGES_STAGE
from data.workspace.stage_record import read_record
from data.workspace.store import Produced, Workspace
from models.jobs.events import ChildEvent
from tasks.support.child_processes import run_alone
from tasks.support.outcomes import finish
from tasks.support.progress import watched

CROP_COMMAND = "data.photos.crop_folder"
KEY_MODULES = (CROP_COMMAND,)

NAMED_EXAMPLES = 3


@task(task_run_name="find faces", cache_policy=NO_CACHE)
@watched
def crop_faces(photos: Produced, choice: FormatChoice, workspace: Workspace) -> Produced:
    """Crop the face of each photo; the result takes the place of the photos as the images of the data set.

    Args:
        photos: the images of the source, as they are.
        choice: what a person says of the format, which has the size and colour of the crops.
        workspace: of the run.
    """
    data_format = crop_format(choice)
    inputs = {
        "photos": photos.key,
        "shape": data_format.shape,
        "weights_sha256": WEIGHTS_SHA256,
        "code": digest_sources(KEY_MODULES),
    }
    if archive := read_record(photos.path).inputs.get("archive_sha256"):
        inputs["archive_sha256"] = archive  # reports and pruning look for it here
    images = workspace.produce(IMAGES_STAGE, inputs, lambda out: _crop_in_child(photos.path, out, data_format))
    _log_outcomes(images)
    return finish(images, images.cached)


def crop_format(choice: FormatChoice) -> DataFormat:
    """Return the size and colour of crops; its labels are of no meaning.

    Raises:
        PipelineError: the format is to be found in the images, which have none before they are cropped.
    """
    if choice.name == AUTO and not choice.image_size:
        raise PipelineError(
            "got --format auto with --faces find, expected the size of the crops, which photos do not have: add "
            "--image-size, such as --image-size 96, or name a format"
        )
    stated = NAMED_FORMATS["seed" if choice.name == AUTO else choice.name].data_format
    side = {"height": choice.image_size, "width": choice.image_size} if choice.image_size else {}
    colour = {} if choice.color == "as published" else {"channels": 1 if choice.color == "gray" else 3}
    return DataFormat(**{**stated.model_dump(), **side, **colour})


def _crop_in_child(photos: Path, out: Path, data_format: DataFormat) -> None:
    """Make the crops in a child command, with its progress in the run's log."""
    logger = get_run_logger()

    def log_progress(event: ChildEvent) -> None:
        if isinstance(event, ExamplesWritten):
            logger.info("looked for faces in %s of %s photos", event.done, event.total)

    spec = CropsSpec(
        photos=photos / IMAGES_FOLDER,
        images=out / IMAGES_FOLDER,
        table=out / FACES_NAME,
        data_format=data_format,
        threads=usable_cores(),
    )
    run_alone(CROP_COMMAND, spec, out, log_progress)
    names = photos / FOLDER_NAMES_NAME
    if names.is_file():
        (out / FOLDER_NAMES_NAME).write_bytes(names.read_bytes())


def _log_outcomes(images: Produced) -> None:
    """Log how many photos gave a face, and why the others did not, with a few names of each."""
    logger = get_run_logger()
    table = pd.read_parquet(images.path / FACES_NAME)
    logger.info("%d of %d photos have one face", (table["faces"] == 1).sum(), len(table))
    several = table[table["faces"] > 1].assign(outcome="several faces")
    others = table[~table["outcome"].isin(["faces"]) & (table["faces"] <= 1)]
    for outcome, rows in pd.concat([others, several]).groupby("outcome"):
        examples = ", ".join(rows["path"].head(NAMED_EXAMPLES))
        message = next(filter(None, rows["message"]), "")
        logger.info("%s: %d, such as %s%s", outcome, len(rows), examples, f" ({message})" if message else "")
