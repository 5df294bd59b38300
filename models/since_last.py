"""What moved since the last report, by how much and whether significantly, and what is other than then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.analysis import Changed, Move, SinceLast
from data.records import RunResults, VariantResult
from models.score import PREDICTIONS_NAME, correctness_of, read_predictions
from models.statistics import fisher_p_value, holm_correction, mcnemar_p_value, newcombe_interval, paired_intervals

NONE = "none"
KEPT_DIGESTS = ("archive SHA-256", "relabel.csv SHA-256")


@dataclass(frozen=True)
class LastReport:
    """The report that a run is compared with."""

    key: str
    results: RunResults
    same_images: bool
    """Whether its validation images are those of this run: equal pixels under equal labels."""


def compare_with_last(results: RunResults, last: LastReport) -> SinceLast:
    """Compare a run with the last report on the same source.

    Args:
        results: the run.
        last: the report; where its predictions are gone, its counts are compared as if of other images, which needs
            larger differences.
    """
    former = {v.name: v for v in last.results.variants if _is_scored(v)}
    both = [(former[v.name], v) for v in results.variants if _is_scored(v) and v.name in former]
    return SinceLast(
        key=last.key,
        run_name=last.results.run_name,
        started=last.results.started,
        best_before=last.results.best.name if last.results.best else "",
        same_images=last.same_images,
        moves=_correct(tuple(_move(before, now, last.same_images, results.seed) for before, now in both)),
        changes=tuple(_list_changes(last.results, results)),
    )


def _is_scored(variant: VariantResult) -> bool:
    return variant.status == "trained" and "validation" in variant.parts


def _move(before: VariantResult, now: VariantResult, same_images: bool, seed: int) -> Move:
    accuracies = {"before": before.parts["validation"].accuracy, "now": now.parts["validation"].accuracy}
    difference = accuracies["now"] - accuracies["before"]
    named: dict[str, Any] = {"variant": now.name, **accuracies}
    if Path(before.directory).name == Path(now.directory).name and same_images:
        return Move(**named, low=difference, high=difference, test="same training", p_value=1.0, p_holm=1.0)
    if same_images and (Path(before.directory) / PREDICTIONS_NAME).is_file():
        correct = {
            when: correctness_of(read_predictions(Path(variant.directory), "validation"))
            for when, variant in (("now", now), ("before", before))
        }
        ((low, high),) = paired_intervals(correct, [("now", "before")], seed)
        p_value = mcnemar_p_value(correct["now"], correct["before"])
        return Move(**named, low=low, high=high, test="paired", p_value=p_value, p_holm=p_value)
    low, high = newcombe_interval(_count_right(now), _count_right(before))
    p_value = fisher_p_value(_count_right(now), _count_right(before))
    return Move(**named, low=low, high=high, test="independent", p_value=p_value, p_holm=p_value)


def _count_right(variant: VariantResult) -> tuple[int, int]:
    confusion = variant.parts["validation"].confusion
    return sum(row[place] for place, row in enumerate(confusion)), sum(map(sum, confusion))


def _correct(moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """Put Holm's correction over the moves that were tested."""
    tested = [move.p_value for move in moves if move.test != "same training"]
    corrected = iter(holm_correction(tested))
    return tuple(
        move if move.test == "same training" else move.model_copy(update={"p_holm": next(corrected)}) for move in moves
    )


def _list_changes(before: RunResults, now: RunResults) -> Iterator[Changed]:
    """Yield what is other: of the data, the code, the configuration and the machine."""
    yield from _differ("data", _data_facts(before), _data_facts(now))
    yield from _differ("code", {"version": before.code_version}, {"version": now.code_version})
    yield from _differ("configuration", _choices(before), _choices(now))
    yield from _differ("machine", before.hardware | before.versions, now.hardware | now.versions)


def _data_facts(results: RunResults) -> dict[str, Any]:
    images = {f"{part} images": f"{sum(row.values()):,}" for part, row in results.data.counts_used.items()}
    return images | {name: results.lineage[name] for name in KEPT_DIGESTS if name in results.lineage}


def _choices(results: RunResults) -> dict[str, Any]:
    """Return what was chosen: recipes only of variants that were trained, so that a new variant is one line."""
    trained = [variant for variant in results.variants if variant.status == "trained"]
    return {
        "preset": results.preset,
        "seed": results.seed,
        "trained variants": ", ".join(sorted(variant.name for variant in trained)),
        **{f"augmentation: {name}": value for name, value in results.augmentation.items()},
        **{f"{variant.name}: {name}": value for variant in trained for name, value in variant.train_config.items()},
    }


def _differ(
    what: Literal["data", "code", "configuration", "machine"], before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[Changed]:
    for name in {**before, **now}:
        if _is_recipe_of_one(name, before, now):
            continue
        former, current = str(before.get(name, NONE)), str(now.get(name, NONE))
        if former != current:
            yield Changed(what=what, name=name, before=former, now=current)


def _is_recipe_of_one(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether a setting is of a variant that only one of the runs has."""
    return ": " in name and not name.startswith("augmentation") and (name not in before or name not in now)
