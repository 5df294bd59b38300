"""The small frozen records that stages hand on and that `results.json` is made of."""

from typing import Any, Literal

from pydantic import Field

from data.analysis import Analysis
from data.record import Record

Severity = Literal["critical", "warning", "info"]

EARLY_STOPPING = "early stopping"
"""What `VariantResult.stopped_because` says of a training that its patience ended."""

NOT_CHECKED = "not checked"
"""What a finding has observed where its check raised."""


class Finding(Record):
    """What one expectation saw."""

    rule: str = Field(description="Name of the rule, such as no_duplicates_across_splits")
    severity: Severity
    success: bool
    observed: int | float | str = Field(description="What was seen: a count of offending images, a ratio, a list")
    expected: str = Field(description="What the rule asks for, in words")
    message: str = Field(description="One sentence for a person, with the figure in it")
    examples: tuple[str, ...] = Field(default=(), description="Paths of at most 10 offending images")


class Verdict(Record):
    """All findings of one validation of one manifest."""

    findings: tuple[Finding, ...]

    def failed(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of this severity that did not pass."""
        return tuple(f for f in self.findings if not f.success and f.severity == severity)


class QuarantineCount(Record):
    """How many images were set aside for one reason."""

    reason: str
    images: int


class RelabelCounts(Record):
    """What a relabelling changed, which is part of the data's summary."""

    corrections: int = Field(description="images named in the file with a new_label")
    relabelled: int = Field(description="images that got another class, copies with equal pixels included")
    removed: int = Field(description="images set aside, copies included")
    confirmed: int = Field(description="images whose label was said to be right, copies included")
    copies: int = Field(description="of all these, images not named themselves but equal in pixels to a named one")


class DataSummary(Record):
    """The data part of a run's results."""

    source: str
    synthetic: bool
    counts_published: dict[str, dict[str, int]] = Field(description="split -> class -> images, before cleaning")
    counts_used: dict[str, dict[str, int]] = Field(description="part -> class -> images, after cleaning")
    duplicate_groups: int = Field(description="groups of images with equal pixels")
    duplicate_groups_across_splits: int
    leaking_train_images: int = Field(description="train images that also stand in validation or test")
    label_conflict_images: int = Field(description="images whose pixels stand under two or more labels")
    blank_images: int
    undecodable_images: int
    near_duplicate_groups: int = Field(default=0, description="groups that show one picture with different pixels")
    near_duplicate_groups_across_splits: int = 0
    near_duplicate_images: int = Field(default=0, description="images in those groups")
    near_leaking_train_images: int = Field(default=0, description="train images whose picture stands elsewhere")
    near_leaking_validation_images: int = Field(default=0, description="validation images whose picture is in test")
    near_label_conflict_images: int = Field(default=0, description="images whose picture stands under two labels")
    before: Verdict = Field(description="the verdict on the data set as published")
    after: Verdict = Field(description="the verdict on what is left after cleaning")
    quarantine: tuple[QuarantineCount, ...]
    relabel: RelabelCounts | None = Field(default=None, description="a person's corrections, where there were some")


class ClassMetrics(Record):
    """Precision, recall and F1 of one class, each 0..1."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class PartMetrics(Record):
    """How one variant does on one part of the data; rates are 0..1."""

    images: int
    accuracy: float
    accuracy_low: float = Field(description="lower end of the 95 % Wilson interval")
    accuracy_high: float = Field(description="upper end of the 95 % Wilson interval")
    macro_f1: float
    log_loss: float = Field(description="mean negative log likelihood in nats")
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...] = Field(description="rows are true classes, columns predicted, label order")


class CalibrationScores(Record):
    """How far probabilities can be believed, on one part."""

    expected_error: float = Field(description="expected calibration error, 0..1: certainty against right answers")
    brier: float = Field(description="mean squared distance to the one-hot label, 0..2")
    log_loss: float = Field(description="mean negative log likelihood in nats")


class Calibration(Record):
    """What one temperature, fitted on selection, does to the probabilities on validation."""

    temperature: float = Field(description="divides the logits; above 1 where the variant is too sure")
    before: CalibrationScores
    after: CalibrationScores


class Latency(Record):
    """Median time of a prediction with the threads of the training, other trainings running beside it or not."""

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


class LayerRow(Record):
    """One line of an architecture's summary."""

    name: str
    kind: str
    output: str
    parameters: int
    trainable: bool


class PublishedFigures(Record):
    """What the notebook reported for a variant: single runs, no interval."""

    train: float
    validation: float
    test: float


TrainingStatus = Literal["trained", "skipped", "failed"]


class RepeatRecord(Record):
    """One of several trainings of a variant that differ in their seed alone."""

    seed: int
    status: TrainingStatus
    reason: str = Field(default="", description="why it was skipped or failed")
    validation_accuracy: float | None = Field(default=None, description="0..1, of a trained one")
    selection_accuracy: float | None = Field(default=None, description="0..1, of a trained one")
    epochs: int = Field(default=0, description="that were finished")
    core_seconds: float = 0
    training: str = Field(default="", description="its key in the workspace")
    made_with: dict[str, str] = Field(default_factory=dict, description="code, machine and packages of the training")


class VariantResult(Record):
    """The outcome of one variant in one run: of the training with the first seed, where it was repeated with others."""

    name: str
    description: str
    status: TrainingStatus
    reason: str = Field(default="", description="why it was skipped or failed")
    published: PublishedFigures | None = None
    directory: str = Field(default="", description="holds predictions.parquet and explanations.npz")
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
    plan: dict[str, Any] = Field(default_factory=dict)
    train_config: dict[str, Any] = Field(default_factory=dict)
    made_with: dict[str, str] = Field(default_factory=dict, description="code, machine and packages of the training")
    repeats: tuple[RepeatRecord, ...] = Field(
        default=(), description="a record a seed, this result's own first; empty where there is one training"
    )


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
    """The accuracy interval of the winner that accounts for its having been the best of k."""

    name: str
    candidates: int
    accuracy: float
    low: float
    high: float


Outcome = Literal["promote", "keep", "ask"]
"""Set the challenger in the champion's place, leave things as they are, or wait for a person's approval."""


class ModelIdentity(Record):
    """Which trained model is meant."""

    variant: str
    key: str = Field(description="of its training in the workspace")


class Criterion(Record):
    """One thing that is asked of a challenger."""

    name: str = Field(description="such as accuracy_gain")
    passed: bool
    observed: float | str = Field(description="what is compared with the limit; words where there is no figure")
    limit: float | str
    message: str = Field(description="one sentence for a person, with the figures in it")


class Decision(Record):
    """Whether a challenger takes the champion's place, and why."""

    outcome: Outcome
    challenger: ModelIdentity
    champion: ModelIdentity | None = Field(default=None, description="none where there is no champion yet")
    candidates: int = Field(description="models that the challenger is the best of, itself included")
    images: int = Field(description="validation images that they were compared on")
    criteria: tuple[Criterion, ...]
    summary: str = Field(description="one sentence for a person")

    @property
    def failed(self) -> tuple[Criterion, ...]:
        """The criteria that the challenger does not meet."""
        return tuple(criterion for criterion in self.criteria if not criterion.passed)


class RunResults(Record):
    """Everything the report is drawn from, beside predictions and pictures: `results.json`."""

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
    variants: tuple[VariantResult, ...] = Field(description="by validation accuracy, best first, then the untrained")
    comparisons: tuple[Comparison, ...] = ()
    best: BestOfMany | None = None
    decision: Decision | None = Field(default=None, description="on the champion; none where none could be made")
    undecided: str = Field(default="", description="why no decision could be made")
    analysis: Analysis | None = Field(default=None, description="none in reports of earlier versions")
    lineage: dict[str, str] = Field(description="stage -> key in the workspace")
    versions: dict[str, str] = Field(description="package -> version, of the report as are hardware and code_version")
    hardware: dict[str, str]
    code_version: str = Field(description="git commit, or unknown")
    prefect_url: str = ""
    report_key: str = Field(default="", description="of the report in the workspace, by which MLflow knows the run")
    mlflow_url: str = Field(
        default="", description="leads to its run in MLflow, once it is there; empty where unserved"
    )
