"""Typed recipe of one training: optimizer, schedule, batch size, budget and regularisation."""

from typing import Literal, Self

from pydantic import Field, model_validator

from data.base.record import Record

ENSEMBLE_NAME = "ensemble"
"""The variant in which trained variants vote; it is not in the table of variants because it is not trained itself."""

STUDENT_NAME = "student"
"""The variant that is distilled from trained variants; the preset says which network it has."""

Target = Literal["label", "majority", "votes"]
"""What a network is trained towards: the published label, the crowd's choice, or the distribution of its votes."""

TargetChoice = Literal["preset", "label", "majority", "votes"]
"""Target of all variants of a run; preset leaves it to the recipes."""


class TrainConfig(Record):
    """The training recipe of one variant."""

    epochs: int = Field(default=30, ge=1, le=1000, description="Maximum of epochs; a time budget may plan fewer")
    batch_size: int = Field(default=64, ge=1, le=4096, description="Images per step")
    optimizer: Literal["adam", "sgd"] = Field(default="sgd", description="adam, or sgd with Nesterov momentum")
    learning_rate: float = Field(default=0.05, gt=0, le=10, description="Peak learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of sgd")
    nesterov: bool = Field(default=True, description="Nesterov's momentum in sgd")
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="Decoupled weight decay, scaled by the rate")
    schedule: Literal["constant", "cosine"] = Field(
        default="cosine", description="constant rate, or linear warm-up and cosine decay to zero over all steps"
    )
    warmup_fraction: float = Field(default=0.25, ge=0, lt=1, description="Fraction of the steps that warm up")
    head_fraction: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="For a variant that fine-tunes its backbone: fraction of the epochs that trains the head alone",
    )
    finetune_rate: float = Field(
        default=1e-4, gt=0, le=10, description="Peak learning rate when the backbone is trained together with the head"
    )
    class_balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Weight of rare classes in the loss: each image weighs its class's share of train to the power of "
        "minus this; 0 weighs all images the same, 1 all classes",
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="Probability moved from the label to all")
    target: Target = Field(
        default="label",
        description="What an image is trained towards: its published label, the class that most people chose, or the "
        "share of the people who chose each class; an image without votes has its label",
    )
    votes_smoothing: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="With target votes: added to the number of people who chose each class, so that few votes say less",
    )
    votes_temperature: float = Field(
        default=1.0,
        ge=0.05,
        le=20,
        description="With target votes: shares are raised to the power of one by this; above 1 evens them out",
    )
    mixup: float = Field(
        default=0.0,
        ge=0,
        le=4,
        description="Mix each image and label with another one of its batch, by a share drawn from Beta(mixup, mixup)",
    )
    teacher_share: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="For a student: weight of the teacher's probabilities in each label; the true class has the rest",
    )
    patience: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Stop after so many epochs without a better monitored accuracy; 0 never stops early",
    )
    monitor: Literal["selection", "validation"] = Field(
        default="selection",
        description="Part that chooses the best epoch; use validation only to repeat the notebook: the report marks it",
    )
    time_budget_minutes: float = Field(
        default=0.0,
        ge=0,
        le=10_000,
        description="Maximum wall minutes of training; shortens the schedule; 0: no limit",
    )
    least_epochs: int = Field(
        default=10, ge=1, le=1000, description="The log warns before a training whose time budget allows fewer epochs"
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        default="auto",
        description="auto times float32 and mixed_bfloat16 and takes the faster one, if this machine has bfloat16",
    )
    deterministic: bool = Field(
        default=True,
        description="Use only operations that give equal results every time, so that a resumed training equals an "
        "uninterrupted one; may slow a GPU down",
    )
    cache_features: bool = Field(
        default=True,
        description="With a frozen backbone: train the head on stored features of each view, which is many times "
        "faster. Only the views augment then: flip and shift_pixels do not apply and mixup mixes features",
    )
    flip: bool = Field(default=True, description="Random horizontal flip in each epoch, on top of the view")
    shift_pixels: int = Field(
        default=2, ge=0, le=12, description="Largest random shift in each epoch, on top of the view"
    )
    test_time_flip: bool = Field(
        default=False, description="The finished network averages over an image and its mirror image, at twice the cost"
    )
    test_time_shift_pixels: int = Field(
        default=0,
        ge=0,
        le=12,
        description="With test_time_flip: average over four copies instead, shifted by so many pixels up, down, left "
        "and right, two of them mirrored, at four times the cost; 0 does not shift",
    )

    @model_validator(mode="after")
    def _require_flip_for_shift(self) -> Self:
        if self.test_time_shift_pixels and not self.test_time_flip:
            raise ValueError(
                f"got test_time_shift_pixels {self.test_time_shift_pixels} without test_time_flip, expected both or "
                "neither: set test_time_flip to true"
            )
        return self


def check_student_recipe(recipe: TrainConfig) -> None:
    """Refuse a student's recipe that smooths labels which are soft already.

    Label smoothing acts on the whole label. It would smooth the teacher's probabilities too and lose information.

    Raises:
        ValueError: the recipe has both a teacher's share and label smoothing.
    """
    if recipe.teacher_share and recipe.label_smoothing:
        raise ValueError(
            f"got label_smoothing {recipe.label_smoothing:g} and teacher_share {recipe.teacher_share:g} in a student's "
            "recipe, expected one of them to be 0: a teacher's labels are soft already, so set label_smoothing to 0"
        )
