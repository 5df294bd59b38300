"""Records of a hyper-parameter search: the outcome of each trial, and the whole search."""

from typing import Any, Literal, get_args

from pydantic import Field

from data.base.record import Record

SEARCH_NAME = "search.json"
PRESET_NAME = "preset.json"

TrialState = Literal["finished", "pruned", "failed"]
TRIAL_STATES: tuple[TrialState, ...] = get_args(TrialState)
"""The states of a trial in order of rank, best first."""


class TrialOutcome(Record):
    """Outcome of one trial; its accuracy is measured on selection, because a search must not use any other part."""

    state: TrialState
    accuracy: float | None = Field(
        default=None,
        description="0..1, by the labels that the training followed; of a pruned trial, the best until it was stopped",
    )
    epochs: int = Field(default=0, description="epochs trained")
    training: str = Field(default="", description="key of the training in the workspace, where it was finished")
    reason: str = Field(default="", description="why it was pruned or failed")


class TrialRecord(Record):
    """One trial of a search, with the recipe that it tried."""

    number: int
    recipe: dict[str, Any] = Field(description="fields of TrainConfig")
    outcome: TrialOutcome


class SearchRecord(Record):
    """A whole search: `search.json` beside the preset that it found."""

    study: str = Field(description="key of the search in the workspace")
    variant: str
    preset: str = Field(description="whose views and recipe the search began with")
    trial_minutes: float
    searched: tuple[str, ...] = Field(description="fields of the recipe that were searched")
    synthetic: bool = Field(description="the data set was drawn by a program")
    selection_images: int
    trials: tuple[TrialRecord, ...] = Field(description="in the order in which they began")

    @property
    def ranking(self) -> tuple[TrialRecord, ...]:
        """Trials by selection accuracy: the finished ones, then the pruned, then the failed; earlier ones first."""
        return tuple(sorted(self.trials, key=_rank))

    @property
    def winner(self) -> TrialRecord | None:
        """Finished trial with the highest selection accuracy, or None if no trial was finished."""
        return next((trial for trial in self.ranking if trial.outcome.state == "finished"), None)

    @property
    def looks(self) -> int:
        """Number of trials that were judged by their selection accuracy."""
        return sum(trial.outcome.accuracy is not None for trial in self.trials)


def _rank(trial: TrialRecord) -> tuple[int, float]:
    return TRIAL_STATES.index(trial.outcome.state), -(trial.outcome.accuracy or 0)
