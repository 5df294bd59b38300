"""Stages behind an export: the training, and the records that it was made with."""

from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from data.workspace.layout import VARIANTS_STAGE, VIEWS_STAGE
from data.workspace.stage_record import RECORD_NAME, StageRecord, find_damage, read_record


class Training(NamedTuple):
    """A finished training in a workspace."""

    directory: Path
    """With the network, its predictions and its result."""
    records: Path
    """TFRecords that it was trained and judged on."""


def find_key(root: Path, run: str) -> str:
    """Find the key of a training.

    Args:
        root: directory of the workspace.
        run: the key itself, or the name of a variant, which stands for its last used training.

    Raises:
        PipelineError: there is no such training.
    """
    found: dict[str, tuple[float, str]] = {}
    keys = set()
    for path in sorted((root / VARIANTS_STAGE).glob(f"[!.]*/{RECORD_NAME}")):
        try:
            name, used = str(read_record(path.parent).inputs.get("variant", "")), path.stat().st_mtime
        except (OSError, ValueError):  # removed meanwhile, or damaged
            continue
        keys.add(path.parent.name)
        found[name] = max(found.get(name, (0.0, "")), (used, path.parent.name))
    if run in keys:
        return run
    if run not in found:
        known = ", ".join(sorted(found)) or "none: a run trains some"
        raise PipelineError(f"got training {run!r}, expected a key of emotion models list, or one of {known}")
    return found[run][1]


def find_training(root: Path, key: str) -> Training:
    """Find a training and its records.

    Args:
        root: directory of the workspace.
        key: of the training, or of a vote of such.

    Raises:
        PipelineError: one of them is no longer in the workspace, or damaged.
    """
    training = _require(root / VARIANTS_STAGE / key)
    return Training(root / VARIANTS_STAGE / key, _find_records(root, training))


def _find_records(root: Path, training: StageRecord) -> Path:
    """Find the records of a training; those of a vote are its members', which share their validation images."""
    members = training.inputs.get("candidates")
    if members:
        return _find_records(root, _require(root / VARIANTS_STAGE / next(iter(members.values()))))
    records = root / VIEWS_STAGE / str(training.inputs.get("views", "unknown"))
    _require(records)
    return records


def _require(path: Path) -> StageRecord:
    damage = find_damage(path)
    if damage:
        raise PipelineError(
            f"got no complete {path.parent.name} stage {path.name} in {path.parent.parent} ({damage}), expected the "
            "training with its images: export in the workspace that trained it, or train again"
        )
    return read_record(path)
