"""Presets: named choices of variants, augmented views and training recipes; built in or read from a file."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, WithJsonSchema, model_validator

from data.base.errors import PipelineError
from data.base.record import Record, describe_faults
from data.views.augment import LIGHT_AUGMENT, PLAIN_VIEWS, SEED_AUGMENT, STRONG_AUGMENT, AugmentChoice, ViewsConfig
from models.catalog.train_config import STUDENT_NAME, TargetChoice, TrainConfig, check_student_recipe
from models.catalog.variants import VARIANTS, VariantName, find_variant

SEED_VARIANTS = ("cnn_gray", "cnn_rgb", "cnn_2", "vgg16_a", "vgg16_b", "resnet50v2", "efficientnetb0", "cnn_3")


class Preset(Record):
    """Settings of one run, used for everything that the run's parameters do not set."""

    description: str
    variants: tuple[str, ...] = Field(min_length=1, description="Trained by default, in this order")
    augment: AugmentChoice = Field(description="Augmentation of the views, or its name: none, light, strong or seed")
    views: int = Field(ge=1, le=100, description="Whole augmented copies of the train part; view 0 is the original")
    own_views: dict[str, ViewsConfig] = Field(
        default_factory=dict, description="Views of single variants, in place of those that all others share"
    )
    short_views: ViewsConfig | None = Field(
        default=None,
        description="Views of trainings for which a run's time budget allows few epochs, in place of the shared ones",
    )
    train: TrainConfig = Field(description="Recipe of every variant that is not in recipes")
    recipes: dict[str, TrainConfig] = Field(default_factory=dict, description="Recipes of single variants")
    ensemble: bool = Field(default=False, description="Add an ensemble: a variant in which the trained variants vote")
    student: VariantName | None = Field(
        default=None, description="Network that is distilled from the ensemble or best variant, as a variant: student"
    )

    @model_validator(mode="after")
    def _check_student(self) -> Self:
        if self.student is not None:
            check_student_recipe(self._recipe_of(STUDENT_NAME))
            self._require_selection(f"student {self.student}", "its teachers", "the student")
        if self.ensemble:
            self._require_selection("an ensemble", "its members", "the ensemble")
        return self

    def _require_selection(self, got: str, chosen: str, judged: str) -> None:
        if any(recipe.monitor == "validation" for recipe in (self.train, *self.recipes.values())):
            raise ValueError(
                f"got {got} in a preset with monitor validation, expected selection in every recipe: otherwise "
                f"{chosen} are chosen on the images that later judge {judged}"
            )

    @property
    def shared_views(self) -> ViewsConfig:
        """Views of every variant that has none of its own."""
        return ViewsConfig(augment=self.augment, views=self.views)

    def views_of(self, variant: str) -> ViewsConfig:
        """Return the views that a variant is trained on."""
        if variant in self.own_views:
            return self.own_views[variant]
        return PLAIN_VIEWS if _is_plain(variant) else self.shared_views

    def has_shared_views(self, variant: str) -> bool:
        """Tell whether a variant is trained on the views that all share."""
        return self.views_of(variant) == self.shared_views

    def recipe(self, variant: str, time_budget_minutes: float) -> TrainConfig:
        """Return the recipe of a variant within the time budget of a run.

        Args:
            variant: key of the variant, or student.
            time_budget_minutes: replaces a longer or missing budget of the recipe; 0 keeps the recipe's budget.
        """
        recipe = self._recipe_of(variant)
        if _is_plain(variant):
            recipe = recipe.model_copy(update={"flip": False, "shift_pixels": 0})
        if not time_budget_minutes:
            return recipe
        budget = min(recipe.time_budget_minutes or time_budget_minutes, time_budget_minutes)
        return recipe.model_copy(update={"time_budget_minutes": budget})

    def _recipe_of(self, variant: str) -> TrainConfig:
        """Return a recipe without a run's budget; a student without a recipe takes the recipe of its network."""
        if variant in self.recipes:
            return self.recipes[variant]
        if variant == STUDENT_NAME and self.student:
            return self._recipe_of(self.student).model_copy(update={"label_smoothing": 0.0})  # see check_student_recipe
        return self.train


def _is_plain(variant: str) -> bool:
    return variant in VARIANTS and not VARIANTS[variant].augmented


# The recipe for compact, found by measurements on the real images.
_COMPACT = TrainConfig(
    epochs=24,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.1,
    warmup_fraction=0.2,
    weight_decay=5e-3,
    label_smoothing=0.1,
    time_budget_minutes=8,
)

# Gains most of a percentage point for four times the work of a prediction, see docs/recipes.md.
_FOUR_COPIES = {"test_time_flip": True, "test_time_shift_pixels": 2}

_BEST = _COMPACT.model_copy(update={"epochs": 50, "time_budget_minutes": 100, "mixup": 0.2, **_FOUR_COPIES})

_BEST_COMPACT = _BEST.model_copy(update={"epochs": 40, "mixup": 0.1})

# For the notebook's networks under a time budget: its optimizer and batch size, and a decaying learning rate.
_SHORT_ADAM = TrainConfig(
    epochs=30, batch_size=32, optimizer="adam", learning_rate=1e-3, warmup_fraction=0.05, time_budget_minutes=3.2
)

# Fixed epochs, so that a first run gives the same comparison on every machine.
_DEMO = _COMPACT.model_copy(update={"epochs": 24, "time_budget_minutes": 0, "precision": "float32"})

# For a small head on a frozen backbone: the learning rate of a network trained from nothing would be too high. Epochs
# are few because the first epoch on each view needs a pass through the backbone.
_FROZEN = TrainConfig(
    epochs=15,
    batch_size=64,
    optimizer="adam",
    learning_rate=1e-3,
    warmup_fraction=0.05,
    time_budget_minutes=8,
)

# Fine-tuning: Adam for the new head, then a tenth of that rate for the backbone, so that it keeps what it has learnt.
_TUNED = TrainConfig(
    epochs=15,
    batch_size=32,
    optimizer="adam",
    learning_rate=1e-3,
    head_fraction=0.3,
    finetune_rate=1e-4,
    warmup_fraction=0.1,
    label_smoothing=0.1,
    patience=4,
)
_TUNED_VARIANTS = ("vgg16_tuned", "resnet50v2_tuned", "efficientnetb0_tuned", "efficientnet_lite0_tuned")

# The unchanged recipe of the notebook, see SEED_AUGMENT for its images.
_SEED = TrainConfig(
    epochs=100,
    batch_size=32,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    patience=5,
    monitor="validation",
    precision="float32",
    flip=False,
    shift_pixels=0,
)

# Longer fine-tuning at a higher rate, found by measurements of EfficientNet-Lite0 on the real images.
_BEST_TUNED = _TUNED.model_copy(
    update={
        "epochs": 36,
        "batch_size": 64,
        "head_fraction": 0.05,
        "finetune_rate": 5e-4,
        "patience": 0,
        "time_budget_minutes": 100,
        **_FOUR_COPIES,
    }
)

PRESETS: dict[str, Preset] = {
    "smoke": Preset(
        description="Two small trainings of two epochs and their vote: shows that everything works, in seconds",
        variants=("compact", "light"),
        augment=LIGHT_AUGMENT,
        views=2,
        train=TrainConfig(epochs=2, batch_size=32, optimizer="adam", learning_rate=1e-3, precision="float32"),
        ensemble=True,
    ),
    "demo": Preset(
        description="Five small variants with fixed epochs and their vote, for a first look: gray or RGB, shallow or "
        "deeper, with or without augmentation, from scratch or pretrained",
        variants=("light", "light_rgb", "light_plain", "light_shallow", "efficientnet_lite0"),
        augment=LIGHT_AUGMENT,
        views=4,
        train=_DEMO,
        recipes={"efficientnet_lite0": _FROZEN.model_copy(update={"time_budget_minutes": 0})},
        ensemble=True,
    ),
    "quick": Preset(
        description="The project's compact network and the notebook's four own ones, each within a time budget",
        variants=("compact", "cnn_gray", "cnn_rgb", "cnn_2", "cnn_3"),
        augment=LIGHT_AUGMENT,
        views=8,
        train=_SHORT_ADAM,
        recipes={
            **dict.fromkeys(("light", "compact"), _COMPACT),
            "efficientnet_lite0": _FROZEN,
            **dict.fromkeys(_TUNED_VARIANTS, _TUNED.model_copy(update={"time_budget_minutes": 8})),
        },
    ),
    "best": Preset(
        description="The project's own networks and a fine-tuned EfficientNet-Lite0 on strongly augmented views, their "
        "vote, and a student that learns from it, in two and a half hours",
        variants=("efficientnet_lite0_tuned", "residual", "compact"),
        augment=STRONG_AUGMENT,
        views=20,
        short_views=ViewsConfig(augment=LIGHT_AUGMENT, views=8),
        train=_BEST,
        recipes={
            "student": _BEST_COMPACT.model_copy(update={"label_smoothing": 0.0, "time_budget_minutes": 30}),
            "efficientnet_lite0": _FROZEN.model_copy(update={"time_budget_minutes": 30}),
            **dict.fromkeys(_TUNED_VARIANTS, _TUNED.model_copy(update={"time_budget_minutes": 100})),
            "efficientnet_lite0_tuned": _BEST_TUNED,
            **dict.fromkeys(("light", "compact"), _BEST_COMPACT),
        },
        ensemble=True,
        student="compact",
    ),
    "seed": Preset(
        description="The notebook: eight variants, at most 100 epochs, early stopping on validation",
        variants=SEED_VARIANTS,
        augment=SEED_AUGMENT,
        views=20,
        train=_SEED,
        recipes={
            "vgg16_b": _SEED.model_copy(update={"optimizer": "sgd", "momentum": 0.0, "nesterov": False}),
            "efficientnetb0": _SEED.model_copy(update={"learning_rate": 1e-4}),
        },
    ),
}


def load_preset(preset: str) -> Preset:
    """Look up a built-in preset or read one from a file.

    Args:
        preset: a key of `PRESETS`, or the path of a preset file: a JSON object with the fields of `Preset`.

    Raises:
        PipelineError: neither exists, the file does not contain a preset, or the preset names unknown variants.

    Example:
        >>> smoke = load_preset("smoke")
        >>> smoke.variants
        ('compact', 'light')
        >>> smoke.recipe("compact", time_budget_minutes=0).epochs
        2
    """
    if preset in PRESETS:
        return PRESETS[preset]
    path = Path(preset)
    if not path.is_file():
        raise PipelineError(
            f"got preset {preset!r}, which is not a file; expected one of {', '.join(PRESETS)} or the path of a preset "
            "file, such as emotion tune writes"
        )
    try:
        loaded = Preset.model_validate_json(path.read_bytes())
        for name in (*loaded.variants, *loaded.recipes, *loaded.own_views):
            if name != STUDENT_NAME or name in loaded.variants or not loaded.student:
                find_variant(name)
    except ValidationError as error:
        raise PipelineError(
            f"got preset file {path}: {describe_faults(error, 'file')}; expected a JSON object with the fields "
            f"{', '.join(Preset.model_fields)}: correct the file, or run emotion tune again to write it"
        ) from error
    except (OSError, PipelineError) as error:
        raise PipelineError(f"got preset file {path}: {error}") from error
    return loaded


def with_target(preset: Preset, target: TargetChoice) -> Preset:
    """Return the preset with this target in every recipe, or unchanged if the recipes' own are wanted.

    Example:
        >>> with_target(load_preset("smoke"), "votes").recipe("compact", time_budget_minutes=0).target
        'votes'
    """
    if target == "preset":
        return preset
    changed = {"target": target}
    recipes = {name: recipe.model_copy(update=changed) for name, recipe in preset.recipes.items()}
    return preset.model_copy(update={"train": preset.train.model_copy(update=changed), "recipes": recipes})


def _check_preset(preset: str) -> str:
    try:
        load_preset(preset)
    except PipelineError as error:
        raise ValueError(str(error)) from error
    return preset


PresetChoice = Annotated[
    str,
    AfterValidator(_check_preset),
    WithJsonSchema(
        {
            "anyOf": [
                {"title": "built-in", "type": "string", "enum": [*PRESETS]},
                {"title": "file", "type": "string", "description": "Path of a preset file, as emotion tune writes it"},
            ]
        }
    ),
]
"""A flow's parameter: a built-in preset's name, or the path of a preset file; a form offers the names as a choice."""


def narrow_preset(preset: Preset, variant: str, recipe: TrainConfig, description: str) -> Preset:
    """Reduce a preset to one variant, which is trained by this recipe on the same views."""
    views = preset.views_of(variant)
    return Preset(
        description=description,
        variants=(variant,),
        augment=views.augment,
        views=views.views,
        train=preset.train,
        recipes={variant: recipe},
    )
