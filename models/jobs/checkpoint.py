"""Atomic checkpoints: all variables of a training and the state of its loop, in one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.base.record import Record
from data.records.training import EpochRecord

CHECKPOINT_NAME = "checkpoint.npz"
BEST_NAME = "best.npz"


class TrainState(Record):
    """State of the training loop in addition to the variables."""

    history: tuple[EpochRecord, ...] = ()
    steps: int = 0
    total_steps: int = 1
    finetuned_from: int = 0
    """Steps trained before fine-tuning of the backbone began; 0 before that, and if it is never fine-tuned."""
    best_epoch: int = 0
    best_accuracy: float = -1.0
    trained_seconds: float = 0.0
    """Wall seconds that count towards the time budget: those of training, not of starts and measurements."""
    wall_seconds: float = 0.0
    core_seconds: float = 0.0
    peak_memory_bytes: int = 0
    stopped_because: str = ""


def save_checkpoint(run_dir: Path, variables: Sequence[Any], state: TrainState) -> None:
    """Write variables and state so that a kill at any moment leaves the old checkpoint or the new one."""
    _save_arrays(run_dir / CHECKPOINT_NAME, variables, state=np.array(state.model_dump_json()))


def restore_checkpoint(run_dir: Path, variables: Sequence[Any]) -> TrainState | None:
    """Assign the stored variables and return the state, or None if there is no checkpoint."""
    path = run_dir / CHECKPOINT_NAME
    if not path.exists():
        return None
    return TrainState.model_validate_json(str(_load_arrays(path, variables)["state"]))


def load_state(run_dir: Path) -> TrainState | None:
    """Return the state of the last checkpoint without its variables, or None if there is no checkpoint."""
    path = run_dir / CHECKPOINT_NAME
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        return TrainState.model_validate_json(str(stored["state"]))


def load_history(run_dir: Path) -> tuple[EpochRecord, ...]:
    """Return the epochs of the last checkpoint; none if there is no checkpoint."""
    state = load_state(run_dir)
    return state.history if state else ()


def save_best(run_dir: Path, variables: Sequence[Any]) -> None:
    """Write the weights of the best epoch so far, atomically."""
    _save_arrays(run_dir / BEST_NAME, variables)


def restore_best(run_dir: Path, variables: Sequence[Any]) -> None:
    """Assign the weights of the best epoch."""
    _load_arrays(run_dir / BEST_NAME, variables)


def remove_checkpoints(run_dir: Path) -> None:
    """Remove both files once the result is written."""
    for name in (CHECKPOINT_NAME, BEST_NAME):
        (run_dir / name).unlink(missing_ok=True)


def _save_arrays(path: Path, variables: Sequence[Any], **extra: np.ndarray) -> None:
    arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays, **extra)
    temporary.replace(path)


def _load_arrays(path: Path, variables: Sequence[Any]) -> Any:
    stored = np.load(path, allow_pickle=False)
    for index, variable in enumerate(variables):
        variable.assign(stored[f"variable_{index}"])
    return stored
