"""Copies of an export outside the workspace, with the formats that a person chose."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from data.base.errors import PipelineError
from data.records.export import BUNDLE_NAME, ExportBundle, ExportFormat
from models.export.bundle import read_bundle, require_format
from models.export.jobs import README_NAME
from models.export.readme import write_readme


def select_formats(bundle: ExportBundle, wanted: Sequence[ExportFormat]) -> ExportBundle:
    """Return the record with only these formats; with all of them if none is named."""
    formats = tuple(one for one in bundle.formats if not wanted or one.format in wanted)
    return bundle.model_copy(update={"formats": formats})


def copy_export(path: Path, target: Path, wanted: Sequence[ExportFormat] = ()) -> None:
    """Copy an export with its record and a README of what it holds.

    Args:
        path: directory of the export.
        target: directory to make; it appears when it is complete.
        wanted: formats to copy; none means all that are offered.

    Raises:
        PipelineError: the target exists, or a format that was named is not offered.
    """
    if target.exists():
        raise PipelineError(f"got {target}, which exists, expected a new directory: remove it, or name another")
    bundle = select_formats(read_bundle(path), wanted)
    offered = tuple(one for one in bundle.formats if one.offered or wanted)
    sources = [require_format(path, one.format) for one in offered]
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        work.mkdir()
        for source in sources:
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, work / source.name)
        copied = bundle.model_copy(update={"formats": offered})
        (work / BUNDLE_NAME).write_text(copied.model_dump_json(indent=1), encoding="utf-8")
        (work / README_NAME).write_text(write_readme(copied), encoding="utf-8")
        work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
