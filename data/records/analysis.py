"""Records of the analysis of a run's predictions, from which the report answers questions beyond the scores."""

from typing import Literal

from pydantic import Field

from data.base.record import Record
from data.records.run_difference import RunDifference
from data.records.truths import PeopleScores, Rate

Topic = Literal["colour", "frozen", "fine-tuned", "fine-tuning", "augmentation", "depth"]

DISTINGUISHABLE_BELOW = 0.05
"""Level of every test in a report: a smaller p value, after Holm's correction, counts as a difference."""


class PairAnswer(Record):
    """Comparison, on the same validation images, of two variants that differ in what a question asks about."""

    topic: Topic
    first: str = Field(description="the variant that has more of what is asked about: colour, pretraining, depth")
    second: str
    difference: float = Field(description="accuracy of the first minus the second's, 0..1")
    low: float = Field(
        description="lower end of its bootstrap interval; 95 % for all pairs that are asked about at once"
    )
    high: float
    p_value: float = Field(description="exact McNemar, two-sided")
    p_holm: float = Field(description="the same, Holm-corrected over all pairs that are asked about")
    recipe_differs: tuple[str, ...] = Field(default=(), description="settings of the trainings that differ too")


class SliceScore(Record):
    """Accuracy of a variant on the validation images that share a trait."""

    trait: str = Field(description="such as brightness")
    value: str = Field(description="such as darkest third")
    images: int
    accuracy: float
    low: float = Field(description="lower end of the 95 % Wilson interval")
    high: float
    rest_accuracy: float = Field(description="of all other validation images; NaN where there is none")
    expected: float = Field(description="what the recall of each class on all of validation gives for this mix of them")
    p_value: float | None = Field(description="Fisher's exact test against the rest, two-sided; None where not tested")
    p_holm: float | None = Field(description="the same, Holm-corrected over all slices that are tested")

    def is_worse(self, level: float) -> bool:
        """Return whether the slice is significantly worse than the rest at this level."""
        return self.differs(level) and self.accuracy < self.rest_accuracy

    def differs(self, level: float) -> bool:
        """Return whether the slice is significantly better or worse than the rest at this level."""
        return self.p_holm is not None and self.p_holm < level


class Face(Record):
    """One validation image with a variant's prediction."""

    image_id: str
    label: str
    predicted: str
    probability: float = Field(description="of the predicted class, 0..1, as trained")


class ConfusedPair(Record):
    """Images of one class that are predicted as another class."""

    label: str
    predicted: str
    images: int
    of_class: int = Field(description="images of the class in all")
    low: float = Field(description="lower end of the 95 % Wilson interval of their share")
    high: float
    faces: tuple[Face, ...] = Field(description="the most certain ones first")


class Errors(Record):
    """Errors of one variant on validation, and the errors that all variants share."""

    variant: str
    images: int
    wrong: int
    pairs: tuple[ConfusedPair, ...] = Field(description="the most frequent confusion first")
    worst: tuple[Face, ...] = Field(description="wrong and most certain")
    surest: tuple[Face, ...] = Field(description="most certain of all, right or wrong")
    least_sure: tuple[Face, ...] = Field(description="with the least probable first choice")
    variants: int = Field(description="how many were asked for the shared errors")
    weak: tuple[str, ...] = Field(default=(), description="variants that know too little to be asked for them")
    shared: int = Field(description="images that every one of them gets wrong")
    shared_alike: int = Field(description="of these, images that all name the same")
    shared_suspects: int | None = Field(description="of these, suspected to be labelled wrongly; None without an audit")
    shared_low: float = Field(description="lower end of the 95 % Wilson interval of the share of shared errors")
    shared_high: float
    shared_faces: tuple[Face, ...] = Field(description="shared errors; the label that is least probable to all first")


class ReliabilityBin(Record):
    """Images whose predictions have about the same certainty."""

    images: int
    certainty: float = Field(description="mean highest probability, 0..1")
    accuracy: float
    low: float = Field(description="lower end of the 95 % Wilson interval of the accuracy")
    high: float


class CoveragePoint(Record):
    """Accuracy on the images of which a variant is most certain."""

    coverage: float = Field(description="share of the images, surest first, 0..1")
    accuracy: float


class Certainty(Record):
    """Reliability of a variant's certainty, and its accuracy against coverage, on validation."""

    variant: str
    before: tuple[ReliabilityBin, ...] = Field(description="as trained; bins of equal width that hold images")
    after: tuple[ReliabilityBin, ...] = Field(description="with the temperature that was fitted on selection")
    coverage: tuple[CoveragePoint, ...] = Field(description="with the temperature")


class Rejection(Record):
    """Least certainty at which a variant's answers are accepted: chosen on selection, judged on validation."""

    variant: str
    wanted: float = Field(description="accuracy asked of the answers that are taken, 0..1")
    threshold: float | None = Field(description="least certainty, with the temperature; None where none will do")
    selection_images: int
    selection_taken: int = 0
    selection_accuracy: float = Field(default=float("nan"), description="of those that are taken")
    images: int = Field(default=0, description="of validation")
    taken: int = 0
    taken_low: float = Field(default=float("nan"), description="lower end of the 95 % Wilson interval of their share")
    taken_high: float = float("nan")
    accuracy: float = Field(default=float("nan"), description="of those that are taken, on validation")
    low: float = float("nan")
    high: float = float("nan")
    refused_accuracy: float = Field(default=float("nan"), description="what the variant gets right of the others")


class Analysis(Record):
    """Contents of the report beyond the scores, all computed from the stored predictions."""

    ties: tuple[tuple[str, ...], ...] = Field(
        default=(), description="largest groups of variants no two of which differ at 5 % after Holm, best group first"
    )
    questions: tuple[PairAnswer, ...] = ()
    slices: tuple[SliceScore, ...] = Field(default=(), description="of the best variant")
    errors: Errors | None = Field(default=None, description="of the best variant")
    certainties: tuple[Certainty, ...] = Field(default=(), description="of every variant with finite probabilities")
    rejection: Rejection | None = Field(default=None, description="of the best variant")
    people: PeopleScores | None = Field(default=None, description="none without votes of people for validation")
    unsuspected: Rate | None = Field(
        default=None,
        description="validation labels that the audit does not suspect: the ceiling that it implies; none if nothing "
        "was audited, or if there are votes",
    )
    since_last: RunDifference | None = Field(
        default=None,
        description="from the last report on the same source; None where this is the first",
    )
