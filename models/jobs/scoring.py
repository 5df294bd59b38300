"""Scoring of photos as a child command: its name, which the parent starts and never imports, and its specification."""

from pathlib import Path

from pydantic import Field

from data.base.record import Record
from data.sources.limits import ExtractLimits

SCORE = "serving.score"


class ScoreSpec(Record):
    """What `python -m serving.score SPEC` has to do."""

    source: str = Field(description="folder, archive, list, pattern, photo or address; a path is absolute")
    model: str = Field(description="name of the registered model")
    version: int = Field(default=0, description="of the model; 0 is the champion")
    export: Path | None = Field(default=None, description="directory of an export, instead of a registered model")
    faces: str = Field(description="auto, find or given")
    again: bool = Field(default=False, description="score what was scored before as well")
    request: str = Field(description="the same for each start of one run, so that a second start continues the first")
    workspace: Path
    directory: Path = Field(description="of the scores of this source")
    limits: ExtractLimits = Field(default=ExtractLimits(), description="on the content of an archive")
