"""Photos that a person names as the source of scores, and how faces are looked for in them."""

import os
from pathlib import Path
from typing import get_args

from data.base.errors import PipelineError
from data.sources.secrets import mask_secrets
from data.sources.source import holds_secret, is_url
from serving.answers import FaceMode


def locate_photos(source: str) -> str:
    """Return a source so that every spelling of one is the same: a path is absolute.

    Raises:
        PipelineError: none is named, or it is an address with a secret in it.
    """
    text = source.strip()
    if not text:
        raise PipelineError(
            "got no source, expected photos: a folder, a zip or tar, a list (.txt, .csv), a pattern, or the address of "
            "an image; emotion schedule on --photos FOLDER names those of the scheduled run"
        )
    if holds_secret(text):
        raise PipelineError(
            f"got the source {mask_secrets(text)} with a secret in it, which Prefect would show as a parameter: write "
            "the address into a list (.txt) and give the list"
        )
    return text if is_url(text) else os.path.normpath(Path.cwd() / Path(text).expanduser())


def check_mode(faces: str) -> FaceMode:
    """Return the way in which faces are looked for.

    Raises:
        PipelineError: there is none of this name.
    """
    for mode in get_args(FaceMode):
        if mode == faces:
            return mode
    raise PipelineError(f"got --faces {faces}, expected one of {', '.join(get_args(FaceMode))}")
