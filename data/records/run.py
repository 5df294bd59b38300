"""Record that is stored as a run's `results.json`."""

from typing import Any

from pydantic import Field

from data.base.record import Record
from data.records.analysis import Analysis
from data.records.dataset import DataSummary, Finding
from data.records.export import ExportBundle
from data.records.promotion import Decision
from data.records.training import VariantResult
from data.records.truths import TruthName

ARCHIVE_DIGEST = "archive SHA-256"
RELABEL_DIGEST = "relabel.csv SHA-256"
VOTES_DIGEST = "votes SHA-256"
"""Keys of `RunResults.lineage` that name the digest of a file instead of a stage."""


class Comparison(Record):
    """A paired comparison of one variant with the best one on the same validation images."""

    name: str
    best: str
    difference: float = Field(description="accuracy of the best minus this one's, 0..1")
    low: float = Field(description="lower end of its bootstrap interval; 95 % for all pairs of variants at once")
    high: float
    p_value: float = Field(description="exact McNemar, two-sided")
    p_holm: float = Field(description="the same, Holm-corrected over all pairs of the run's variants")


class BestOfMany(Record):
    """Accuracy interval of the best variant, corrected for its choice as the best of k variants."""

    name: str
    candidates: int
    accuracy: float
    low: float
    high: float


class RunResults(Record):
    """Results that the report is made from, besides predictions and pictures: `results.json`."""

    run_name: str
    command: str = Field(description="the command that repeats this run")
    started: str = Field(description="ISO 8601 with offset")
    seconds: float
    seed: int
    preset: str
    classes: tuple[str, ...]
    data: DataSummary
    changes: tuple[Finding, ...] = Field(default=(), description="since the last accepted data set of this source")
    augmentation: dict[str, Any]
    truth: TruthName = Field(default="published", description="labels that ranking, slices and decision follow")
    variants: tuple[VariantResult, ...] = Field(description="by validation accuracy, best first, then the untrained")
    comparisons: tuple[Comparison, ...] = ()
    best: BestOfMany | None = None
    decision: Decision | None = Field(default=None, description="on the champion; none where none could be made")
    undecided: str = Field(default="", description="why no decision could be made")
    exports: tuple[ExportBundle, ...] = Field(
        default=(), description="of trained variants that were exported before this report was written"
    )
    analysis: Analysis | None = Field(default=None, description="none in reports of earlier versions")
    lineage: dict[str, str] = Field(description="stage, or stage/variant -> key in the workspace; digests too")
    versions: dict[str, str] = Field(description="package -> version, of the report as are hardware and code_version")
    hardware: dict[str, str]
    code_version: str = Field(description="git commit, or unknown")
    prefect_url: str = ""
    report_key: str = Field(default="", description="of the report in the workspace, by which MLflow knows the run")
    mlflow_url: str = Field(
        default="", description="leads to its run in MLflow, once it is there; empty where unserved"
    )

    def best_of_many(self, name: str) -> BestOfMany | None:
        """Return the corrected interval if this variant is the best of several, else None."""
        best = self.best
        return best if best is not None and best.name == name and best.candidates > 1 else None

    def accuracy_interval(self, variant: VariantResult) -> tuple[float, float]:
        """Return the 95 % interval of a scored variant's validation accuracy, 0..1.

        For the best of several variants, the interval accounts for the choice; see `BestOfMany`.
        """
        chosen, scores = self.best_of_many(variant.name), variant.parts["validation"]
        return (chosen.low, chosen.high) if chosen else (scores.accuracy_low, scores.accuracy_high)

    def own_augmentation(self, variant: VariantResult) -> dict[str, Any]:
        """Return the settings of a variant's views that differ from those of the run."""
        return {
            name: value for name, value in variant.augmentation.items() if self.augmentation.get(name, value) != value
        }
