"""Records of a decision on the champion."""

from typing import Literal

from pydantic import Field

from data.base.record import NumberOrWords, Record
from data.records.truths import TruthName

Outcome = Literal["promote", "keep", "ask"]
"""Make the challenger the champion, keep the current champion, or wait for a person's approval."""


class ModelIdentity(Record):
    """Identity of a trained model."""

    variant: str
    key: str = Field(description="of its training in the workspace")


class Criterion(Record):
    """One condition that a challenger has to meet."""

    name: str = Field(description="such as accuracy_gain")
    passed: bool
    observed: NumberOrWords = Field(description="what is compared with the limit; words where there is no figure")
    limit: NumberOrWords
    message: str = Field(description="one sentence for a person, with the figures in it")


class Decision(Record):
    """Decision whether a challenger becomes the champion, with its reasons."""

    outcome: Outcome
    challenger: ModelIdentity
    champion: ModelIdentity | None = Field(default=None, description="none where there is no champion yet")
    candidates: int = Field(description="models that the challenger is the best of, itself included")
    images: int = Field(description="validation images that they were compared on")
    truth: TruthName = Field(default="published", description="labels that decided which answers are right")
    criteria: tuple[Criterion, ...]
    summary: str = Field(description="one sentence for a person")

    @property
    def failed(self) -> tuple[Criterion, ...]:
        """The criteria that the challenger does not meet."""
        return tuple(criterion for criterion in self.criteria if not criterion.passed)
