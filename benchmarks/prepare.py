"""Preparation of a data set as in a run: `python -m benchmarks.prepare SOURCE PRESET`.

It prints the folders of the images and of the views as one line of JSON. The flow is imported inside a function, after
the server has started, because Prefect reads the address of its server at import.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.command import run_module
from flows.server.shared import prefect_server
from flows.settings import load_settings

SEED = 42


class Prepared(NamedTuple):
    """A data set that is ready for trainings."""

    images: Path
    """Folder of the unpacked data set: split / label / image."""
    views: Path


def prepare(source: str, preset: str) -> Prepared:
    """Prepare a data set in a separate process."""
    (paths,) = run_module("benchmarks.prepare", source, preset).printed
    return Prepared(**{name: Path(path) for name, path in paths.items()})


def main() -> None:
    """Run the command."""
    source, preset = sys.argv[1:]
    settings = load_settings()
    with prefect_server(settings.workspace, settings.server_start_seconds):
        from benchmarks.prepare_flow import prepare_views

        images, views = prepare_views(source, preset, SEED)
    print(json.dumps({"images": str(images), "views": str(views)}))


if __name__ == "__main__":
    main()
