"""Choice of the files of a Drive folder that are taken: images under names that can be written."""

import logging
from collections import Counter
from collections.abc import Iterable

from data.base.errors import PipelineError
from data.sources.archives.entries import check_parts, show_name
from data.sources.archives.parts import refuse_part
from data.sources.drive.listing import SHOWN_NAMES, DriveFile
from data.sources.source import is_image_path

logger = logging.getLogger(__name__)


def choose_images(files: tuple[DriveFile, ...], folder_id: str) -> tuple[DriveFile, ...]:
    """Return the images of a Drive folder; nothing else is written under a name that the folder's owner chose.

    Raises:
        PipelineError: there are none, or two of one name, or a name that cannot be written.
    """
    images = tuple(file for file in files if is_image_path(file.path))
    left_out = [show_name(file.path) for file in files if not is_image_path(file.path)]
    if left_out:
        logger.warning(
            "the Drive folder %s holds %d files that are not images or lie in hidden folders; they are left out: %s%s",
            folder_id,
            len(left_out),
            ", ".join(left_out[:SHOWN_NAMES]),
            ", ..." if len(left_out) > SHOWN_NAMES else "",
        )
    if not images:
        refuse_parts(files, files)
        raise PipelineError(
            f"the Drive folder {folder_id} holds no images and not one archive, but "
            f"{', '.join(left_out[:SHOWN_NAMES])}; give the link of the folder or archive with the images"
        )
    for image in images:
        check_parts(tuple(image.path.split("/")), image.path)
    repeated = [path for path, count in Counter(image.path for image in images).items() if count > 1]
    if repeated:
        raise PipelineError(
            f"the Drive folder holds several files named {show_name(repeated[0])}; expected one: rename all but one"
        )
    return images


def refuse_parts(chosen: Iterable[DriveFile], files: tuple[DriveFile, ...]) -> None:
    """Refuse the parts of an archive among chosen files of a Drive folder.

    Raises:
        PipelineError: one of the chosen files is one of several parts.
    """
    names = [show_name(file.path.rsplit("/", 1)[-1]) for file in files]
    for file in chosen:
        refuse_part(show_name(file.path.rsplit("/", 1)[-1]), names)
