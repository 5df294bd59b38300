"""Loss, optimizer and learning-rate schedule, with which a network is compiled for training."""

import math
from typing import Any

import keras

from models.catalog.train_config import TrainConfig


def compile_model(model: keras.Model, config: TrainConfig, total_steps: int) -> None:
    """Compile with the configured optimizer, schedule and loss; labels are one-hot."""
    model.compile(
        optimizer=make_optimizer(config, total_steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # type: ignore[arg-type]  # XLA was slower on CPU in every case tried
    )
    model.optimizer.build(model.trainable_variables)


def make_optimizer(config: TrainConfig, total_steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer with its learning-rate schedule over `total_steps` steps."""
    rate = _learning_rate(config, total_steps)
    decay = config.weight_decay or None
    if config.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=config.nesterov, weight_decay=decay)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


def _learning_rate(config: TrainConfig, total_steps: int) -> Any:
    if config.schedule == "constant":
        return config.learning_rate
    return PlannedCosine(config.learning_rate, config.warmup_fraction, total_steps)


class PlannedCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Warm up linearly, then decay by a cosine to zero at the end of the plan, which may be shortened meanwhile.

    Args:
        peak: highest learning rate.
        warmup_fraction: fraction of the plan that warms up, less than 1.
        total_steps: steps of the plan; assign another number to `total_steps` to shorten the plan.
    """

    def __init__(self, peak: float, warmup_fraction: float, total_steps: int) -> None:
        self.peak, self.warmup_fraction = peak, warmup_fraction
        self.total_steps = keras.Variable(total_steps, trainable=False, dtype="float32", name="total_steps")

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step; steps count from 0."""
        position: Any = keras.ops.cast(step, "float32")
        warmup: Any = self.warmup_fraction * self.total_steps
        warmed: Any = keras.ops.minimum((position + 1) / (warmup + 1), 1.0)
        progress: Any = keras.ops.clip((position - warmup) / (self.total_steps - warmup), 0.0, 1.0)
        cosine: Any = keras.ops.cos(math.pi * progress)
        return self.peak * warmed * 0.5 * (1 + cosine)

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {
            "peak": self.peak,
            "warmup_fraction": self.warmup_fraction,
            "total_steps": int(self.total_steps),
        }


def schedule_of(model: keras.Model) -> PlannedCosine | None:
    """Return the schedule of a compiled model, or None if its learning rate is constant."""
    schedule = model.optimizer._learning_rate  # Keras has no public access to the schedule
    return schedule if isinstance(schedule, PlannedCosine) else None
