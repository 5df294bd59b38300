"""Where exports are in a workspace: of a training, and of a version of the registry.

Nothing here imports TensorFlow or Prefect, and MLflow is imported only for a registry outside the workspace.
"""

from pathlib import Path

from data.workspace.layout import EXPORTS_STAGE
from data.workspace.stage_record import RECORD_NAME, find_damage, read_record
from models.export.reported import Reported, find_reported
from models.registry.connection import MODEL_NAME
from models.registry.lookup import find_version
from models.registry.tags import REPORT_TAG, VARIANT_TAG

TRAINING_INPUT = "training"
"""Input of the stage of an export that names the training."""


def find_export(workspace_root: Path, variant_key: str, reported: Reported | None = None) -> Path | None:
    """Find the complete export of a training.

    Args:
        workspace_root: directory of the workspace.
        variant_key: key of the training.
        reported: labels that it has to be judged by; None takes any.

    Returns:
        Its directory, the last used one if several versions of this project made one; None if there is none.
    """
    found: list[tuple[float, Path]] = []
    for record in (workspace_root / EXPORTS_STAGE).glob(f"[!.]*/{RECORD_NAME}"):
        try:
            export = read_record(record.parent)
            wanted = export.inputs.get(TRAINING_INPUT) == variant_key and (not reported or reported.is_of(export))
            if wanted and not find_damage(record.parent):
                found.append((record.stat().st_mtime, record.parent))
        except (OSError, ValueError):  # removed meanwhile, or damaged
            continue
    return max(found)[1] if found else None


def champion_export(workspace_root: Path, model: str = MODEL_NAME, version: int = 0) -> tuple[int, Path | None]:
    """Find the export of the champion, or of another version, with the figures of its report.

    An export by other labels is better than none: earlier releases made all by the published ones.

    Args:
        workspace_root: directory of the workspace with the registry and the exports.
        model: name of the registered model.
        version: its number; 0 is the champion.

    Returns:
        The version, 0 if there is no champion, and the directory of its export, None if it has none here.

    Raises:
        PipelineError: no version has this number.
        TransientError: MLflow is unreachable.
    """
    found = find_version(workspace_root, model, version)
    key = found.tags.get(VARIANT_TAG, "")
    if not key:
        return found.version, None
    reported = find_reported(workspace_root, key, found.tags.get(REPORT_TAG, ""))
    return found.version, find_export(workspace_root, key, reported) or find_export(workspace_root, key)
