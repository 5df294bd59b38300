"""Figures of a run as MLflow metrics: one name and one number each."""

from data.records.training import EpochRecord, PartMetrics, VariantResult


def epoch_figures(epoch: EpochRecord, monitor: str) -> dict[str, float]:
    """Name the metrics of one epoch; those of the monitored part carry its name."""
    return {
        "train_loss": epoch.loss,
        "train_accuracy": epoch.accuracy,
        f"{monitor}_loss": epoch.monitor_loss,
        f"{monitor}_accuracy": epoch.monitor_accuracy,
        "learning_rate": epoch.learning_rate,
        "seconds": epoch.seconds,
        "core_seconds": epoch.core_seconds,
    }


def final_figures(variant: VariantResult) -> dict[str, float]:
    """Name the final metrics of a variant; rates are 0..1."""
    figures = {
        "parameters": variant.parameters_total,
        "file_bytes": variant.file_bytes,
        "wall_seconds": variant.wall_seconds,
        "core_seconds": variant.core_seconds,
        "peak_memory_bytes": variant.peak_memory_bytes,
        "best_epoch": variant.best_epoch,
        "multiply_adds": variant.multiply_adds,
    }
    for part, scores in variant.parts.items():
        figures |= {f"{part}/{name}": value for name, value in part_figures(scores).items()}
    if variant.calibration:
        figures["validation/expected_calibration_error"] = variant.calibration.before.expected_error
        figures["validation/brier"] = variant.calibration.before.brier
    if variant.latency:
        figures["latency/single_milliseconds"] = variant.latency.single_milliseconds
        figures["latency/batched_milliseconds"] = variant.latency.batched_milliseconds
    return figures


def part_figures(scores: PartMetrics) -> dict[str, float]:
    """Name the metrics of one part, with both ends of the accuracy's interval and the recall of each class."""
    recalls = {f"recall_{one.label}": one.recall for one in scores.per_class}
    return {
        "images": scores.images,
        "accuracy": scores.accuracy,
        "accuracy_low": scores.accuracy_low,
        "accuracy_high": scores.accuracy_high,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        **recalls,
    }
