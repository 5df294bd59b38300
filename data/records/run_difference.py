"""Records of the difference between two runs: `models.analysis.run_difference` makes them, pages show them."""

from typing import Literal

from pydantic import Field

from data.base.record import Record

Area = Literal["data", "code", "configuration", "versions", "machine"]
AREAS: tuple[Area, ...] = ("data", "code", "configuration", "versions", "machine")

Method = Literal["paired", "two proportions", "same training", "in one run only", "other labels"]
"""How a variant's two accuracies were compared; the last three are not tested: with other labels the runs are judged by
different ones, such as the published labels and the choice of the crowd, or its choice from different votes."""


class RunLabel(Record):
    """Name, start and best result of one of the two runs."""

    run_name: str
    started: str = Field(description="ISO 8601 with offset")
    preset: str
    best: str = Field(default="", description="its most accurate variant; empty where nothing was scored")
    accuracy: float | None = Field(default=None, description="of the best on validation, 0..1")
    accuracy_low: float | None = Field(
        default=None, description="95 %, for being the best of several where it was, else Wilson's"
    )
    accuracy_high: float | None = None
    validation_images: int = 0
    synthetic: bool = False


class VariantFigures(Record):
    """Figures of a variant in one run, on the validation images of that run."""

    accuracy: float
    accuracy_low: float = Field(description="lower end of the 95 % Wilson interval")
    accuracy_high: float
    macro_f1: float
    log_loss: float
    core_seconds: float
    chosen_on_validation: bool = Field(default=False, description="its epoch was: the accuracy flatters it")


class VariantDifference(Record):
    """Change of one variant from the earlier run to the later one."""

    name: str
    method: Method
    earlier: VariantFigures | None = None
    later: VariantFigures | None = None
    difference: float | None = Field(default=None, description="accuracy later minus earlier, -1..1")
    low: float | None = Field(default=None, description="lower end of its interval; 95 % for all variants at once")
    high: float | None = None
    p_value: float | None = Field(default=None, description="two-sided: exact McNemar, or of two proportions")
    p_holm: float | None = Field(default=None, description="the same, Holm-corrected over the tested variants")


class Change(Record):
    """One difference in how the two runs were made."""

    area: Area
    what: str
    earlier: str
    later: str


class RunDifference(Record):
    """All differences that `compare_runs` finds between two runs."""

    earlier: RunLabel
    later: RunLabel
    paired: bool = Field(description="both were scored on the same validation images, so answers are compared in pairs")
    unpaired_because: str = Field(default="", description="why answers could not be compared in pairs, or not at all")
    variants: tuple[VariantDifference, ...] = Field(description="in the later run's order, then those it lacks")
    changes: tuple[Change, ...] = Field(description="by area")
