"""Records of scored photos: what the scoring command reports, and what the scores of a source are together."""

from typing import Literal

from pydantic import Field

from data.base.record import Record
from data.records.events import Event
from data.records.truths import TruthName

SUMMARY_NAME = "summary.json"
SCORES_TABLE = "scores.parquet"
SCORES_CSV = "scores.csv"
PARTS_FOLDER = "parts"

DriftLevel = Literal["none", "small", "warning", "critical"]
"""none: within chance or below the limits; small: too few faces to tell; warning and critical: beyond a limit."""


class PhotosScored(Event):
    """Progress of `python -m serving.score`."""

    event: Literal["photos_scored"] = "photos_scored"
    done: int = Field(description="photos scored by this start of the command")
    total: int = Field(description="photos that it has to score; 0: not known before")
    before: int = Field(description="photos that were scored earlier and are left out")


class ScoresAwaited(Event):
    """Another process scores the same source; this one waits until it has ended."""

    event: Literal["scores_awaited"] = "scores_awaited"


class ClassCount(Record):
    """Faces that got one class."""

    label: str
    faces: int = Field(description="whose most probable class this is, uncertain ones included")
    uncertain: int = Field(description="of these, below the threshold of the network")
    share: float = Field(description="of all faces with an answer, 0..1; 0 if there is none")
    low: float = Field(description="lower end of the 95 % Wilson interval, as if faces were independent")
    high: float = Field(description="upper end")


class ScoreCounts(Record):
    """Photos and faces, counted."""

    photos: int = 0
    outcomes: dict[str, int] = Field(default_factory=dict, description="outcome of a photo -> photos")
    faces: int = Field(default=0, description="found or given, with or without an answer")
    face_outcomes: dict[str, int] = Field(default_factory=dict, description="outcome of a face -> faces")
    uncertain: int = 0
    uncertain_low: float = Field(default=0.0, description="95 % Wilson interval of the share of answers")
    uncertain_high: float = 1.0
    classes: tuple[ClassCount, ...] = Field(default=(), description="in the order of the labels")

    @property
    def scored(self) -> int:
        """Faces with an answer."""
        return self.face_outcomes.get("scored", 0)


class MeasureDrift(Record):
    """One measure of the scored faces beside that of the images that the network was trained on."""

    measure: str
    trained: float = Field(description="median of the train images")
    scored: float = Field(description="median of the scored faces")
    distance: float = Field(description="Kolmogorov-Smirnov distance that is certain at least, 0..1")
    p_value: float = Field(description="two samples, corrected by Holm for the number of measures")
    level: DriftLevel


class ScoreDrift(Record):
    """Scored faces compared with the train images of the network."""

    dataset: str = Field(default="", description="key of the data set behind the network; empty if there is none")
    images: int = Field(default=0, description="train images")
    faces: int = Field(default=0, description="scored faces")
    measures: tuple[MeasureDrift, ...] = ()
    reason: str = Field(default="", description="why nothing was compared")

    @property
    def level(self) -> DriftLevel:
        """The worst level of a measure."""
        found = {one.level for one in self.measures}
        if "critical" in found:
            return "critical"
        return "warning" if "warning" in found else "small" if "small" in found else "none"


class ScoreSummary(Record):
    """What the scores of a source are together, after a finished run."""

    source: str
    faces: str = Field(description="how faces were looked for: auto, find or given")
    version: str = Field(description="network of the last run, such as emotion/3")
    variant: str
    accuracy: float = Field(description="of this network on validation, 0..1")
    accuracy_low: float
    accuracy_high: float
    truth: TruthName = Field(default="published", description="labels that the accuracy and the threshold follow")
    threshold: float | None
    versions: dict[str, int] = Field(description="network -> photos that have their answer from it")
    finished: str = Field(description="ISO 8601, UTC")
    scored_now: int = Field(description="photos that are new or changed since the last finished run")
    newest: ScoreCounts = Field(description="the last photos that were new or changed")
    newest_finished: str = Field(description="when they were scored; ISO 8601, UTC")
    total: ScoreCounts
    drift: ScoreDrift = Field(description="of the newest faces")
    first_part: str = Field(description="first part file of the newest photos")
    last_part: str = Field(description="last part file that is counted")
    parts: int = Field(description="part files that are counted")
