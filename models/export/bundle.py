"""Record of an export's directory: read it, and find a format that may be used."""

from pathlib import Path

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.records.export import BUNDLE_NAME, ExportBundle, ExportFormat


def read_bundle(path: Path) -> ExportBundle:
    """Read what an exported network is, and what its answers need.

    Args:
        path: directory of the export.

    Raises:
        PipelineError: it is not the directory of an export, or its record cannot be read.
    """
    try:
        return ExportBundle.model_validate_json((path / BUNDLE_NAME).read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise PipelineError(
            f"got {path} without a readable {BUNDLE_NAME} ({reason}), expected the directory of an export: make one "
            "with emotion export"
        ) from error


def require_format(path: Path, wanted: ExportFormat) -> Path:
    """Find the file or folder of a format that passed its check.

    Args:
        path: directory of the export.
        wanted: format.

    Raises:
        PipelineError: the export has no such format, or it did not pass its check.
    """
    bundle = read_bundle(path)
    found = bundle.find(wanted)
    if found is None:
        refused = next((one.reason for one in bundle.formats if one.format == wanted), "")
        offered = ", ".join(one.format for one in bundle.formats if one.offered) or "none"
        raise PipelineError(
            f"got format {wanted} of {path}, which is not offered ({refused or 'it was not exported'}), expected one "
            f"of {offered}: take another, or export again with emotion export"
        )
    return path / found.path
