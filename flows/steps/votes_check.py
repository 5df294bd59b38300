"""Check that a run has the votes of people that its targets and its truth need."""

from collections.abc import Sequence

from data.base.errors import PipelineError
from data.records.truths import TruthName
from models.catalog.presets import Preset
from models.catalog.train_config import STUDENT_NAME


def check_votes(votes: str, preset: Preset, variants: Sequence[str], truth: TruthName) -> None:
    """Refuse a run without votes that trains towards votes or is judged by them.

    Args:
        votes: path of the file of votes, or empty.
        preset: with the targets of its recipes.
        variants: names of those that are trained.
        truth: labels that the run declares.

    Raises:
        PipelineError: votes are needed and none are given.
    """
    if votes:
        return
    taught = [STUDENT_NAME] if preset.student else []
    voted = [name for name in (*variants, *taught) if preset.recipe(name, 0).target != "label"]
    needed = [f"target {preset.recipe(voted[0], 0).target} for {', '.join(voted)}"] if voted else []
    needed += [f"truth {truth}"] if truth != "published" else []
    if needed:
        raise PipelineError(
            f"got {' and '.join(needed)} without votes of people, expected a file of them: give it with --votes, or "
            "use --target label and --truth published"
        )
