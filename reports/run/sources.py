"""Files that a report is drawn from beside its results."""

from pathlib import Path

from pydantic import Field

from data.base.record import Record


class ReportSources(Record):
    """Paths of what a report shows beside the results; what is None is left out."""

    pictures: Path | None = Field(default=None, description="pictures.npz with faces of train and augmented views")
    verdict: Path | None = Field(default=None, description="directory of the verdict on the data")
    audit: Path | None = Field(default=None, description="directory of the audit of the labels")
    faces: Path | None = Field(default=None, description="faces.npz with the validation images that the analysis names")
