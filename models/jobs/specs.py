"""Specifications that the child commands read."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from data.base.record import Record
from models.catalog.train_config import TrainConfig, check_student_recipe


class FitSpec(Record):
    """Specification of `python -m models.training.fit RUN_DIR`, stored as RUN_DIR/spec.json."""

    name: str = Field(description="Key of the variant")
    description: str
    builder: str = Field(description="module:function that builds the model")
    weights: Path | None = Field(default=None, description="Pretrained weights of the backbone, where it has one")
    views: Path = Field(description="Directory of the TFRecords")
    short_views: Path | None = Field(
        default=None, description="TFRecords for a training whose budget allows few epochs, see models.jobs.plan"
    )
    features: Path | None = Field(
        default=None,
        description="Workspace that keeps the features of frozen backbones; without one, every image passes its "
        "backbone in every epoch",
    )
    soft_labels: Path | None = Field(
        default=None,
        description="What `python -m models.training.distill` left, where a teacher has labelled the views",
    )
    train: TrainConfig
    seed: int = Field(ge=0, lt=2**31)
    threads: int = Field(ge=1, description="Threads of one operation; TensorFlow's inter-op pool has one")

    @model_validator(mode="after")
    def _smooths_once(self) -> Self:
        if self.soft_labels:
            check_student_recipe(self.train)
        return self


class TeachSpec(Record):
    """Specification of `python -m models.training.distill OUT`, stored as OUT/spec.json."""

    teacher: Path = Field(description="Directory of a finished training, or of a vote of such")
    records: Path = Field(description="Directory of the TFRecords")
    views: int = Field(ge=1, description="Views of the train part to label, from the first")
    most_seconds: float = Field(
        default=0.0, ge=0, description="Wall seconds after which no further view is started; 0 is no limit"
    )
    threads: int = Field(ge=1, description="Threads of one operation")


class EnsembleSpec(Record):
    """Specification of `python -m models.training.ensemble RUN_DIR`, stored as RUN_DIR/spec.json."""

    candidates: dict[str, Path] = Field(description="variant -> directory of its finished training")


class ScoreSpec(Record):
    """Specification of `python -m models.training.rescore OUT`, stored as OUT/spec.json."""

    network: Path = Field(description="File of the saved network")
    records: Path = Field(description="Directory of the TFRecords")
    part: str = Field(description="Which part of them is scored")
    threads: int = Field(ge=1, description="Threads of one operation")
