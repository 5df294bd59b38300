"""Checkpoints of trainings in the store that several hosts share, so that another host resumes after the last epoch."""

from pathlib import Path

from prefect import get_run_logger

from data.workspace.layout import VARIANTS_STAGE
from data.workspace.tier import StageTier
from models.jobs.checkpoint import BEST_NAME, CHECKPOINT_NAME, load_history
from models.jobs.events import ChildEvent, EpochEnded
from models.jobs.files import PLAN_NAME
from tasks.support.child_processes import EventHandler

CHECKPOINT_FILES = (CHECKPOINT_NAME, BEST_NAME, PLAN_NAME)


def resume_elsewhere(tier: StageTier, key: str, out: Path) -> None:
    """Take over the checkpoint of another host if it is further than what is here."""
    epochs = tier.load_progress(VARIANTS_STAGE, key, out, beyond=len(load_history(out)))
    if epochs:
        get_run_logger().info("took over the checkpoint of another host, after epoch %d", epochs)


class KeptCheckpoints:
    """Handler of a training's events that saves the checkpoint of every finished epoch.

    Args:
        log: handler that gets every event first.
        tier: store for the checkpoints.
        key: of the training.
        out: directory in which it runs.
    """

    def __init__(self, log: EventHandler, tier: StageTier, key: str, out: Path) -> None:
        self.log, self.tier, self.key, self.out = log, tier, key, out

    def __call__(self, event: ChildEvent) -> None:
        """Take one event of the child; raises `LeaseLost` if another host took the training over."""
        self.log(event)
        if isinstance(event, EpochEnded):
            self.tier.save_progress(VARIANTS_STAGE, self.key, self.out, CHECKPOINT_FILES, event.epoch)
