"""List `comparison.csv`: every figure of every variant, unrounded, for further computation."""

from pathlib import Path

import pandas as pd

from data.records.run import RunResults
from data.records.training import VariantResult
from reports.run.summary import comparison_of, missing_reason, scored_variants, tie_letters

COMPARISON_LIST = "comparison.csv"

Cell = str | int | float | None


def write_comparison(results: RunResults, path: Path) -> None:
    """Write the CSV: one row for each variant in the report's order, those without scores last; rates are 0..1."""
    scored = {variant.name for variant in scored_variants(results)}
    rows = [{**_describe(v), **_score(results, v)} for v in scored_variants(results)]
    rows += [_describe(v) for v in results.variants if v.name not in scored]
    frame = pd.DataFrame(rows, columns=None if rows else ["variant"])
    frame.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def _describe(variant: VariantResult) -> dict[str, Cell]:
    latency = variant.latency
    trained = variant.status == "trained"
    return {
        "variant": variant.name,
        "status": variant.status,
        "reason": variant.reason if trained else missing_reason(variant),
        "parameters": variant.parameters_total if trained else None,
        "parameters_trainable": variant.parameters_trainable if trained else None,
        "multiply_adds": variant.multiply_adds or None,
        "file_bytes": variant.file_bytes if trained else None,
        "latency_single_milliseconds": latency.single_milliseconds if latency else None,
        "latency_batched_milliseconds": latency.batched_milliseconds if latency else None,
        "core_seconds": variant.core_seconds if trained else None,
        "wall_seconds": variant.wall_seconds if trained else None,
        "peak_memory_bytes": variant.peak_memory_bytes if trained else None,
        "epochs": len(variant.epochs),
        "best_epoch": variant.best_epoch if trained else None,
    }


def _score(results: RunResults, variant: VariantResult) -> dict[str, Cell]:
    cells: dict[str, Cell] = {"ties": tie_letters(results).get(variant.name)}
    for part, scores in variant.parts.items():
        measured = scores.model_dump(include={"images", "accuracy", "accuracy_low", "accuracy_high"})
        measured |= {"macro_f1": scores.macro_f1, "log_loss": scores.log_loss}
        for row in scores.per_class:
            measured |= {f"{row.label}_{name}": getattr(row, name) for name in ("precision", "recall", "f1", "support")}
        cells |= {f"{part}_{name}": value for name, value in measured.items()}
    comparison = comparison_of(results, variant.name)
    if comparison:
        cells |= {f"behind_{name}": v for name, v in comparison.model_dump(exclude={"name", "best"}).items()}
    if variant.calibration:
        cells |= {"temperature": variant.calibration.temperature}
        for when in ("before", "after"):
            scores = getattr(variant.calibration, when)
            cells |= {f"calibration_{when}_{name}": value for name, value in scores.model_dump().items()}
    return cells
