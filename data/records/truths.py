"""Records of accuracies by more than one truth: the published labels, and what people chose."""

from typing import Literal

from pydantic import Field

from data.base.record import Record

TruthName = Literal["published", "crowd", "clear"]
"""Labels that variants are judged by: as published, the choice of the crowd, or that of clear images."""

TRUTH_WORDS: dict[str, str] = {
    "published": "the published labels",
    "crowd": "the choice of the crowd",
    "clear": "the choice of the crowd, where at least 7 of 10 agree",
}


def judged_by(truth: TruthName, before: str = "") -> str:
    """Return the labels that figures follow, such as "by the choice of the crowd", after what has to stand before it.

    For the published labels, which need no word, it is empty.
    """
    return "" if truth == "published" else f"{before}by {TRUTH_WORDS[truth]}"


class Rate(Record):
    """A rate on some images, 0..1."""

    images: int
    rate: float = Field(description="NaN without images")
    low: float = Field(description="lower end of its 95 % interval")
    high: float


class PeopleScore(Record):
    """How often the answers of one variant, or of somebody else, are right by what people chose."""

    name: str = Field(description="variant, or whose answers these are")
    published: Rate = Field(description="agreement with the published labels, on all images")
    crowd: Rate = Field(description="agreement with the choice of the crowd, on the images with votes for a class")
    weighted: Rate = Field(description="mean share of people that chose the answer, of those who chose a class")
    clear: Rate = Field(description="agreement with the choice of the crowd, on clear images alone")
    recalls: tuple[Rate, ...] = Field(
        default=(), description="by the crowd's choice, in label order; empty if the answers are not known"
    )


class PeopleScores(Record):
    """Accuracies of a run's variants by what people chose, on validation."""

    people: float = Field(description="mean number of votes an image, other answers included")
    variants: tuple[PeopleScore, ...] = Field(description="in the run's order")
    labels: PeopleScore = Field(description="the published labels, taken as answers")
    person: PeopleScore = Field(
        description="one of the people against all others: the ceiling of whoever answers as people do; against the "
        "published labels, how often one of the people chose them"
    )
    best_weighted: float = Field(description="the weighted rate of the best possible answers, 0..1")
