"""Records of a trained variant: metrics, calibration, latency, epochs and its result."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath
from typing import Any, Literal

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.record import Record

EARLY_STOPPING = "early stopping"
"""Value of `VariantResult.stopped_because` if early stopping ended the training."""


class ClassMetrics(Record):
    """Precision, recall and F1 of one class, each 0..1."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class PartMetrics(Record):
    """Scores of one variant on one part of the data; rates are 0..1."""

    images: int
    accuracy: float
    accuracy_low: float = Field(description="lower end of the 95 % Wilson interval")
    accuracy_high: float = Field(description="upper end of the 95 % Wilson interval")
    macro_f1: float
    log_loss: float = Field(description="mean negative log likelihood in nats; clipped at 2.2e-16 by scikit-learn")
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...] = Field(description="rows are true classes, columns predicted, label order")


class CalibrationScores(Record):
    """Reliability of probabilities on one part."""

    expected_error: float = Field(description="expected calibration error, 0..1: certainty against right answers")
    brier: float = Field(description="mean squared distance to the one-hot label, 0..2")
    log_loss: float = Field(description="mean negative log likelihood in nats; clipped at 1e-7, as in the temperature")


class Calibration(Record):
    """Effect of a temperature, fitted on selection, on the probabilities on validation."""

    temperature: float = Field(description="divides the logits; above 1 where the variant is too sure")
    before: CalibrationScores
    after: CalibrationScores


class Latency(Record):
    """Median time of a prediction with as many threads as the training; other trainings may run at the same time."""

    single_milliseconds: float = Field(description="one image alone")
    batched_milliseconds: float = Field(description="one image of a batch")
    batch_images: int


class EpochRecord(Record):
    """One epoch of one training."""

    epoch: int = Field(description="1-based")
    loss: float
    accuracy: float = Field(
        description="on the augmented training images, while the weights move; against the most probable class of each "
        "label, which mixup and a teacher make another than the true one now and then"
    )
    monitor_loss: float
    monitor_accuracy: float = Field(description="on the part that chooses the epoch, TrainConfig.monitor")
    learning_rate: float
    seconds: float
    core_seconds: float = Field(description="user and system CPU seconds of the child in this epoch")
    view: int = Field(description="which augmented view was read")
    partial: bool = Field(default=False, description="the time budget ended it before its last step")
    resumed: bool = Field(default=False, description="the first epoch after the child was started again")
    processor: str = Field(
        default="", description="model of what it was trained on, see `describe_processor`; records of before have none"
    )
    threads: int = Field(default=0, description="of one operation; 0 in records of before")


class ProcessorSpan(Record):
    """Successive epochs of one training on one model of processor, with one number of threads."""

    processor: str
    threads: int
    first_epoch: int = Field(description="1-based")
    last_epoch: int


def processor_spans(epochs: Sequence[EpochRecord]) -> tuple[ProcessorSpan, ...]:
    """Return where the epochs of a training were trained, in order; nothing for records of before, which do not say."""
    known = [record for record in epochs if record.processor]
    runs = [list(run) for _, run in groupby(known, lambda record: (record.processor, record.threads))]
    return tuple(
        ProcessorSpan(
            processor=run[0].processor,
            threads=run[0].threads,
            first_epoch=run[0].epoch,
            last_epoch=run[-1].epoch,
        )
        for run in runs
    )


class LayerRow(Record):
    """One line of an architecture's summary."""

    name: str
    kind: str
    output: str
    parameters: int
    trainable: bool


class PublishedFigures(Record):
    """Figures that the notebook reported for a variant: from single runs, without intervals."""

    train: float
    validation: float
    test: float


TrainingStatus = Literal["trained", "skipped", "failed"]


class RepeatRecord(Record):
    """One of several trainings of a variant that differ only in their seed."""

    seed: int
    status: TrainingStatus
    reason: str = Field(default="", description="why it was skipped or failed")
    validation_accuracy: float | None = Field(default=None, description="0..1, of a trained one")
    selection_accuracy: float | None = Field(default=None, description="0..1, of a trained one")
    epochs: int = Field(default=0, description="that were finished")
    core_seconds: float = 0
    training: str = Field(default="", description="its key in the workspace")
    made_with: dict[str, str] = Field(default_factory=dict, description="code, machine and packages of the training")
    trained_on: tuple[ProcessorSpan, ...] = Field(default=(), description="processors of its epochs, in order")


class TeachingCosts(Record):
    """Costs before a student can be trained: the training of its teacher, and the labelling of its images."""

    teacher: str = Field(description="variant, the ensemble among them")
    views: int = Field(default=0, ge=0, description="views that are labelled, from the first")
    core_seconds: float = Field(default=0.0, description="of the labelling")
    wall_seconds: float = 0.0
    teacher_core_seconds: float = Field(default=0.0, description="of the teacher's training, of an ensemble's members")
    teacher_wall_seconds: float = 0.0
    peak_memory_bytes: int = Field(default=0, description="of the labelling and the teacher's training")


class StudentCosts(TeachingCosts):
    """All parts of a student's cost."""

    own_core_seconds: float = Field(default=0.0, description="of the student's own training")
    own_wall_seconds: float = 0.0


class VariantPlan(Record):
    """Plan of a variant, as its result stores it; empty for a variant without a plan.

    A training has the fields of its plan, a student also `taught`, an ensemble its votes and temperatures. Only fields
    that were given are stored, and fields of other versions are kept, so that rewriting a result does not change it.
    """

    model_config = ConfigDict(extra="allow")

    precision: str = ""
    threads: int | None = Field(default=None, description="of one operation; none if TensorFlow chose")
    steps_per_epoch: int = 0
    total_steps: int = 0
    epochs: int = 0
    budget_seconds: float = 0.0
    measured: dict[str, tuple[float, ...]] = Field(default_factory=dict, description="seconds and loss by precision")
    feature_views: int = Field(default=0, description="views of which a frozen backbone's features are kept")
    prepared_views: int = 0
    short_views: bool = Field(default=False, description="whether it was trained on the views that suit few epochs")
    head_fraction: float = 0.0
    votes: dict[str, int] = Field(default_factory=dict, description="of an ensemble, by variant")
    temperatures: dict[str, float] = Field(default_factory=dict, description="of an ensemble, by variant")
    taught: StudentCosts | None = Field(default=None, description="of a student")

    @model_serializer(mode="wrap")
    def _only_given(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if name in self.model_fields_set}


class VariantResult(Record):
    """Outcome of one variant in one run; if it was trained with several seeds, that of the first seed."""

    name: str
    description: str
    status: TrainingStatus
    reason: str = Field(default="", description="why it was skipped or failed")
    data_format: DataFormat = Field(default=SEED_FORMAT, description="of the images; results of before have none")
    published: PublishedFigures | None = None
    training: str = Field(default="", description="key of its stage in the workspace")
    directory: str = Field(
        default="",
        exclude=True,
        description="of that stage, with predictions.parquet and explanations.npz: never stored, since it depends on "
        "the host",
    )
    parameters_total: int = 0
    parameters_trainable: int = 0
    file_bytes: int = 0
    wall_seconds: float = 0
    core_seconds: float = 0
    peak_memory_bytes: int = 0
    monitor: str = Field(default="selection", description="the part that early stopping looked at")
    best_epoch: int = 0
    stopped_because: str = Field(default="", description="what ended the training, in words")
    epochs: tuple[EpochRecord, ...] = ()
    parts: dict[str, PartMetrics] = Field(default_factory=dict, description="selection, validation and test")
    calibration: Calibration | None = Field(default=None, description="on validation")
    multiply_adds: int = Field(default=0, description="of one prediction")
    latency: Latency | None = None
    layers: tuple[LayerRow, ...] = ()
    plan: VariantPlan = VariantPlan()
    train_config: dict[str, Any] = Field(default_factory=dict, description="fields of TrainConfig at that time")
    augmentation: dict[str, Any] = Field(
        default_factory=dict, description="fields of AugmentConfig and the number of views that it was trained on"
    )
    made_with: dict[str, str] = Field(default_factory=dict, description="code, machine and packages of the training")
    repeats: tuple[RepeatRecord, ...] = Field(
        default=(), description="a record a seed, this result's own first; empty where there is one training"
    )

    @property
    def trained_on(self) -> tuple[ProcessorSpan, ...]:
        """Processors and threads of its epochs, in order: more than one if it moved to another kind of host."""
        return processor_spans(self.epochs)

    @model_validator(mode="before")
    @classmethod
    def _name_training(cls, values: Any) -> Any:
        """Take the key from the directory, which results of earlier versions have instead."""
        if isinstance(values, dict) and values.get("directory") and not values.get("training"):
            return {**values, "training": PurePath(values["directory"]).name}
        return values
