"""Search space: the training recipes that a hyper-parameter search may try, around the recipe of a preset."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError, model_validator

from data.base.errors import PipelineError
from data.base.record import Record, describe_faults
from models.catalog.train_config import TrainConfig

if TYPE_CHECKING:
    import optuna

SEARCHED = (
    "optimizer",
    "learning_rate",
    "weight_decay",
    "label_smoothing",
    "mixup",
    "warmup_fraction",
    "batch_size",
)
"""Fields of TrainConfig that a search sets; the others stay as the preset has them."""

SIGNIFICANT_DIGITS = 3

Params = dict[str, float | int | str]


class Range(Record):
    """An interval that a number is drawn from, including both ends."""

    low: float
    high: float

    @model_validator(mode="after")
    def _require_order(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"got low {self.low} above high {self.high}, expected low <= high")
        return self

    def contains(self, value: float) -> bool:
        """Return whether the value lies in the interval."""
        return self.low <= value <= self.high


class SearchSpace(Record):
    """The recipes that a search may try; every recipe in the space is a valid TrainConfig.

    Learning rates and weight decays are drawn on a logarithmic scale. Each optimizer has its own ranges, because a good
    rate for sgd is a hundred times too high for adam, and the decay is scaled by the rate.
    """

    optimizers: list[Literal["sgd", "adam"]] = Field(
        default=["sgd", "adam"], min_length=1, description="Choices; sgd with the preset's momentum"
    )
    sgd_learning_rate: Range = Field(default=Range(low=0.02, high=0.4), description="Peak rate of sgd, above 0")
    adam_learning_rate: Range = Field(default=Range(low=3e-4, high=1e-2), description="Peak rate of adam, above 0")
    sgd_weight_decay: Range = Field(default=Range(low=5e-4, high=3e-2), description="Decay with sgd, above 0")
    adam_weight_decay: Range = Field(default=Range(low=5e-3, high=0.5), description="Decay with adam, above 0")
    label_smoothing: Range = Field(default=Range(low=0.0, high=0.2), description="Drawn on a linear scale")
    mixup: list[float] = Field(default=[0.0, 0.1, 0.2, 0.4], min_length=1, description="Choices; 0 is no mixup")
    warmup_fraction: Range = Field(default=Range(low=0.05, high=0.4), description="Drawn on a linear scale")
    batch_sizes: list[int] = Field(default=[32, 64, 128], min_length=1, description="Choices")

    @model_validator(mode="after")
    def _check_bounds(self) -> "SearchSpace":
        """Validate both ends of every range, and every choice, with the bounds of TrainConfig."""
        for name, values in self._extremes().items():
            field = name.removeprefix("sgd_").removeprefix("adam_")
            for value in values:
                try:
                    TrainConfig.model_validate({field: value})
                except ValidationError as error:
                    raise ValueError(f"got {name} {value}: {error.errors()[0]['msg']}") from error
                if name.endswith("weight_decay") and value == 0:
                    raise ValueError(f"got {name} 0, expected more than 0, as it is drawn on a logarithmic scale")
        return self

    def _extremes(self) -> dict[str, list[float]]:
        ranges = {name: value for name, value in self if isinstance(value, Range)}
        return {
            **{name: [value.low, value.high] for name, value in ranges.items()},
            "mixup": list(self.mixup),
            "batch_size": list(self.batch_sizes),
        }

    def suggest(self, trial: "optuna.Trial", base: TrainConfig) -> TrainConfig:
        """Draw a recipe: the base with the searched fields replaced.

        Args:
            trial: draws the values and records them.
            base: recipe for the other fields.

        Returns:
            The recipe; numbers have three significant digits, so that a preset file contains exactly what was trained.
        """
        optimizer = trial.suggest_categorical("optimizer", self.optimizers)
        rate = self._of_optimizer("learning_rate", optimizer)
        decay = self._of_optimizer("weight_decay", optimizer)
        drawn = {
            "optimizer": optimizer,
            "learning_rate": trial.suggest_float(f"{optimizer}_learning_rate", rate.low, rate.high, log=True),
            "weight_decay": trial.suggest_float(f"{optimizer}_weight_decay", decay.low, decay.high, log=True),
            "label_smoothing": trial.suggest_float("label_smoothing", *_ends(self.label_smoothing)),
            "mixup": trial.suggest_categorical("mixup", self.mixup),
            "warmup_fraction": trial.suggest_float("warmup_fraction", *_ends(self.warmup_fraction)),
            "batch_size": trial.suggest_categorical("batch_size", self.batch_sizes),
        }
        rounded = {name: _round(value) if isinstance(value, float) else value for name, value in drawn.items()}
        return TrainConfig.model_validate({**base.model_dump(), **rounded})

    def params_of(self, recipe: TrainConfig) -> Params:
        """Return the parameters for which `suggest` gives this recipe, or none if it lies outside the space."""
        rate = self._of_optimizer("learning_rate", recipe.optimizer)
        decay = self._of_optimizer("weight_decay", recipe.optimizer)
        inside = (
            recipe.optimizer in self.optimizers
            and rate.contains(recipe.learning_rate)
            and decay.contains(recipe.weight_decay)
            and self.label_smoothing.contains(recipe.label_smoothing)
            and recipe.mixup in self.mixup
            and self.warmup_fraction.contains(recipe.warmup_fraction)
            and recipe.batch_size in self.batch_sizes
        )
        if not inside:
            return {}
        own = {f"{recipe.optimizer}_{name}": getattr(recipe, name) for name in ("learning_rate", "weight_decay")}
        shared = ("optimizer", "label_smoothing", "mixup", "warmup_fraction", "batch_size")
        return own | {name: getattr(recipe, name) for name in shared}

    def _of_optimizer(self, name: str, optimizer: str) -> Range:
        return getattr(self, f"{optimizer}_{name}")


def load_space(text: str) -> SearchSpace:
    """Read a search space from a JSON text or file; fields that it does not have keep their defaults.

    Args:
        text: a JSON object, or the path of a file with one; empty for the default space.

    Raises:
        PipelineError: the file does not exist, or its content is not a search space.

    Example:
        >>> space = load_space('{"optimizers": ["sgd"], "sgd_learning_rate": {"low": 0.05, "high": 0.2}}')
        >>> space.optimizers
        ['sgd']
        >>> space.batch_sizes
        [32, 64, 128]
    """
    if not text.strip():
        return SearchSpace()
    given = text if text.lstrip().startswith("{") else _read(Path(text))
    try:
        return SearchSpace.model_validate_json(given)
    except ValidationError as error:
        raise PipelineError(
            f"got search space {text}: {describe_faults(error, 'space')}; expected a JSON object with any of "
            f"{', '.join(SearchSpace.model_fields)}, "
            'such as {"sgd_learning_rate": {"low": 0.05, "high": 0.2}, "optimizers": ["sgd"]}'
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"got search space {path}, which cannot be read ({error}); expected a JSON object or the path of a file "
            "with one"
        ) from error


def _ends(interval: Range) -> tuple[float, float]:
    return interval.low, interval.high


def _round(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
