"""The typed recipe of one training."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ENSEMBLE_NAME = "ensemble"
"""The variant that trained variants make together; it is not in the table of those that can be trained."""

STUDENT_NAME = "student"
"""The variant that learns from what trained ones answer; which network it is, the preset says."""


class TrainConfig(BaseModel):
    """The training recipe of one variant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=30, ge=1, le=1000, description="Most epochs; a time budget may plan fewer")
    batch_size: int = Field(default=64, ge=1, le=4096, description="Images a step")
    optimizer: Literal["adam", "sgd"] = Field(default="sgd", description="adam, or sgd with Nesterov momentum")
    learning_rate: float = Field(default=0.05, gt=0, le=10, description="Peak learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of sgd")
    nesterov: bool = Field(default=True, description="Nesterov's momentum in sgd")
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="Decoupled weight decay, scaled by the rate")
    schedule: Literal["constant", "cosine"] = Field(
        default="cosine", description="constant rate, or linear warm-up and cosine decay to zero over all steps"
    )
    warmup_fraction: float = Field(default=0.25, ge=0, lt=1, description="Part of the steps that warm up")
    head_fraction: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="Where layers of a pretrained backbone are trained: part of the epochs that trains the head alone",
    )
    finetune_rate: float = Field(
        default=1e-4, gt=0, le=10, description="Peak learning rate once those layers are trained with the head"
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="Mass moved from the label to all classes")
    mixup: float = Field(
        default=0.0,
        ge=0,
        le=4,
        description="Mix each image and label with another of its batch, by a share drawn from Beta(mixup, mixup)",
    )
    teacher_share: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Of a student: part of each label that is its teacher's probabilities, the rest being the true "
        "class; other variants have no teacher",
    )
    patience: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Epochs without a better monitored accuracy that stop it; 0 never",
    )
    monitor: Literal["selection", "validation"] = Field(
        default="selection",
        description="Part that chooses the best epoch; validation only to repeat the notebook, the report marks it",
    )
    time_budget_minutes: float = Field(
        default=0.0, ge=0, le=10_000, description="Most wall minutes of training; shortens the schedule; 0 is no limit"
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        default="auto",
        description="auto times float32 and mixed_bfloat16 and takes the faster, where this machine has bfloat16",
    )
    deterministic: bool = Field(
        default=True,
        description="Only operations that give equal results every time, so that a resumed training equals one that "
        "was never stopped; may slow a GPU down",
    )
    cache_features: bool = Field(
        default=True,
        description="Under a frozen backbone, compute the features of each view once and train the head on them, many "
        "times faster: the views alone augment then, flip and shift_pixels do not apply and mixup mixes features",
    )
    flip: bool = Field(default=True, description="Random horizontal flip in the graph, on top of the view")
    shift_pixels: int = Field(default=2, ge=0, le=12, description="Random shift in the graph, on top of the view")
    test_time_flip: bool = Field(
        default=False,
        description="The finished network answers with the mean over an image and its mirror image, at twice the cost",
    )
    test_time_shift_pixels: int = Field(
        default=0,
        ge=0,
        le=12,
        description="With test_time_flip: the mean is over four copies instead, shifted so far up, down, left and "
        "right, two of them mirrored, at four times the cost; 0 shifts none",
    )

    @model_validator(mode="after")
    def _shifts_what_votes(self) -> Self:
        if self.test_time_shift_pixels and not self.test_time_flip:
            raise ValueError(
                f"got test_time_shift_pixels {self.test_time_shift_pixels} without test_time_flip, expected both or "
                "neither: set test_time_flip to true"
            )
        return self


def check_teaching(recipe: TrainConfig) -> None:
    """Refuse a student's recipe that would smooth what a teacher has smoothed already.

    The loss's smoothing takes the whole label, the teacher's probabilities with it, and would blur what they say.

    Raises:
        ValueError: it is such a recipe.
    """
    if recipe.teacher_share and recipe.label_smoothing:
        raise ValueError(
            f"got label_smoothing {recipe.label_smoothing:g} and teacher_share {recipe.teacher_share:g} in a student's "
            "recipe, expected one of them to be 0: a teacher's labels are soft already, so set label_smoothing to 0"
        )
