"""Summary of a run's results: ranking, answer in sentences, and cautions for the reader."""

import math
from string import ascii_lowercase

from data.records.analysis import DISTINGUISHABLE_BELOW
from data.records.run import Comparison, RunResults
from data.records.training import VariantResult
from data.records.truths import TRUTH_WORDS, judged_by
from reports.common.cautions import Caution
from reports.common.formatting import (
    MISSING,
    duration,
    file_size,
    join_names,
    number,
    percent,
    percent_range,
    percentage_points,
    plural,
    probability_value,
)
from reports.run.seed_spreads import incomplete_spreads, seed_spreads


def scored_variants(results: RunResults) -> list[VariantResult]:
    """Return the variants that have validation scores, best accuracy first, undefined accuracies last."""
    scored = [v for v in results.variants if v.status == "trained" and "validation" in v.parts]
    return sorted(scored, key=_rank)


def _rank(variant: VariantResult) -> float:
    accuracy = variant.parts["validation"].accuracy
    return -accuracy if math.isfinite(accuracy) else math.inf


def missing_variants(results: RunResults) -> list[VariantResult]:
    """Return the variants without validation scores: skipped, failed, or trained and never scored."""
    scored = {variant.name for variant in scored_variants(results)}
    return [variant for variant in results.variants if variant.name not in scored]


def missing_reason(variant: VariantResult) -> str:
    """Return why a variant has no validation scores."""
    if variant.status == "trained":
        return "trained, but there are no validation scores of it"
    return variant.reason or "no reason was recorded"


def best_variant(results: RunResults) -> VariantResult | None:
    """Return the variant with the highest validation accuracy, or None if no accuracy is defined."""
    scored = scored_variants(results)
    if scored and math.isfinite(scored[0].parts["validation"].accuracy):
        return scored[0]
    return None


def comparison_of(results: RunResults, name: str) -> Comparison | None:
    """Return the paired comparison of this variant with the best one, or None."""
    return next((comparison for comparison in results.comparisons if comparison.name == name), None)


def tie_letters(results: RunResults) -> dict[str, str]:
    """Return variant -> the letters of its groups of ties, such as "ab": variants that share a letter do not differ."""
    groups = results.analysis.ties if results.analysis else ()
    letters: dict[str, str] = {}
    for letter, group in zip(ascii_lowercase, groups, strict=False):
        for name in group:
            letters[name] = letters.get(name, "") + letter
    return letters


def leaderboard_rows(results: RunResults) -> list[dict[str, str]]:
    """List the leaderboard: one row for each variant, best first, then those without scores and the reason.

    Args:
        results: the run.

    Returns:
        Rows with the same keys in the same order, every value as text.
    """
    rows = [_scored_row(results, variant) for variant in scored_variants(results)]
    rows += [_missing_row(variant) for variant in missing_variants(results)]
    spreads = {spread.name: spread.cell for spread in seed_spreads(results)}
    if spreads:
        rows = [_with_seeds(row, spreads.get(row["variant"], MISSING)) for row in rows]
    return rows


def _with_seeds(row: dict[str, str], spread: str) -> dict[str, str]:
    """Return the row with its spread over seeds, before the note at its end."""
    return {**{k: v for k, v in row.items() if k != "note"}, "over seeds": spread, "note": row["note"]}


def _scored_row(results: RunResults, variant: VariantResult) -> dict[str, str]:
    validation, test = variant.parts["validation"], variant.parts.get("test")
    comparison = comparison_of(results, variant.name)
    return {
        "variant": variant.name,
        "validation accuracy": percent(validation.accuracy),
        "95% interval": percent_range(validation.accuracy_low, validation.accuracy_high),
        "macro F1": number(validation.macro_f1, 3),
        "log loss": number(validation.log_loss, 3),
        "behind the best": percentage_points(comparison.difference) if comparison else MISSING,
        "Holm p": probability_value(comparison.p_holm) if comparison else MISSING,
        "test accuracy": percent(test.accuracy) if test else MISSING,
        "calibration error": percent(variant.calibration.before.expected_error) if variant.calibration else MISSING,
        "error after temperature": percent(variant.calibration.after.expected_error)
        if variant.calibration
        else MISSING,
        "ties": tie_letters(results).get(variant.name, MISSING),
        "parameters": number(variant.parameters_total),
        "multiply-adds": f"{number(variant.multiply_adds / 1e6, 1)} M" if variant.multiply_adds else MISSING,
        "one image": f"{number(variant.latency.single_milliseconds, 1)} ms" if variant.latency else MISSING,
        "file": file_size(variant.file_bytes),
        "core-seconds": number(variant.core_seconds),
        "wall time": duration(variant.wall_seconds),
        "peak memory": file_size(variant.peak_memory_bytes),
        "best epoch": f"{variant.best_epoch} of {len(variant.epochs)}" if variant.epochs else MISSING,
        "note": variant.stopped_because,
    }


def _missing_row(variant: VariantResult) -> dict[str, str]:
    keys = ("validation accuracy", "95% interval", "macro F1", "log loss", "behind the best", "Holm p")
    keys += (
        "test accuracy",
        "calibration error",
        "error after temperature",
        "ties",
        "parameters",
        "multiply-adds",
        "one image",
        "file",
    )
    keys += ("core-seconds", "wall time", "peak memory", "best epoch")
    note = f"{variant.status}: {missing_reason(variant)}"
    return {"variant": variant.name, **dict.fromkeys(keys, MISSING), "note": note}


def summary_sentences(results: RunResults) -> list[str]:
    """Word the answer in three sentences: the best variant, what it beats and costs, whether it is promoted.

    Args:
        results: the run.

    Returns:
        Sentences that are made from the figures alone; one sentence if no variant is scored.
    """
    best = best_variant(results)
    if best is None:
        return [_nothing_scored(results)]
    return [_accuracy_sentence(results, best), _standing_sentence(results, best), _decision_sentence(results)]


def _standing_sentence(results: RunResults, best: VariantResult) -> str:
    """Return what the best variant beats and what it cost, in one sentence."""
    compared, cost = _comparison_clause(results, best), _cost_clause(results, best)
    return f"{compared}; it {cost}." if compared else f"It {cost}."


def _decision_sentence(results: RunResults) -> str:
    """Return whether the best variant is promoted, and why."""
    if results.decision is not None:
        return results.decision.summary
    if results.undecided:
        return f"Nothing was decided on the champion, so it stays: {results.undecided.rstrip('.')}."
    return "Nothing was decided on the champion, so it stays."


def _nothing_scored(results: RunResults) -> str:
    failed = sum(variant.status == "failed" for variant in results.variants)
    skipped = sum(variant.status == "skipped" for variant in results.variants)
    return (
        f"No variant has a validation accuracy: of {len(results.variants)}, {failed} failed and "
        f"{skipped} {'was' if skipped == 1 else 'were'} skipped."
    )


def _accuracy_sentence(results: RunResults, best: VariantResult) -> str:
    validation, chosen = best.parts["validation"], results.best_of_many(best.name)
    kind = f"95% interval {percent_range(*results.accuracy_interval(best))}"
    if chosen:
        kind += f", adjusted for being the best of {chosen.candidates}"
    return (
        f"{best.name} is the most accurate: it classifies {percent(validation.accuracy)} of "
        f"{validation.images:,} validation images correctly{judged_by(results.truth, ' ')} ({kind})."
    )


def _comparison_clause(results: RunResults, best: VariantResult) -> str:
    compared = [comparison for comparison in results.comparisons if comparison.name != best.name]
    if not compared:
        return ""
    close = [c for c in compared if not c.p_holm < DISTINGUISHABLE_BELOW]
    if not close:
        rest = "the only other variant" if len(compared) == 1 else f"all {len(compared)} others"
        return f"After Holm's correction it is distinguishable from {rest} on these images"
    names = join_names([f"{c.name} ({percentage_points(-c.difference)} points)" for c in close])
    verb = "is" if len(close) == 1 else "are"
    return f"After Holm's correction {names} {verb} not distinguishable from it on these images"


def _cost_clause(results: RunResults, best: VariantResult) -> str:
    return (
        f"cost {number(best.core_seconds)} core-seconds ({duration(best.wall_seconds)} of wall time, "
        f"{file_size(best.peak_memory_bytes)} at its peak) and has {number(best.parameters_total)} parameters"
    )


def student_cost_sentences(results: RunResults) -> list[str]:
    """Split the cost of each student: training of the teacher, labelling, and its own training."""
    return [
        f"Of the {number(variant.core_seconds)} core-seconds of {variant.name}, "
        f"{number(taught.teacher_core_seconds)} trained its teacher {taught.teacher}, "
        f"{number(taught.core_seconds)} let it label "
        f"{plural(taught.views, 'view')} and {number(taught.own_core_seconds)} trained {variant.name} itself; "
        "its wall time adds these up alike."
        for variant in scored_variants(results)
        if (taught := variant.plan.taught)
    ]


def cautions(results: RunResults) -> list[Caution]:
    """List what a reader must know before reading a figure, critical cautions first."""
    found = _data_cautions(results) + _variant_cautions(results) + _truth_cautions(results)
    if results.undecided:
        text = f"Nothing was decided on the champion, which stays as it is: {results.undecided}"
        found.append(Caution(level="warning", text=text))
    return sorted(found, key=lambda caution: caution.level != "critical")


def _truth_cautions(results: RunResults) -> list[Caution]:
    """Name the labels that every figure follows, if these are not the published ones."""
    if results.truth == "published":
        return []
    text = f"Judged by {TRUTH_WORDS[results.truth]}, not by the published labels: ranking, decision, confusion, "
    text += "classes, errors and calibration leave out the images without such a label (see By people)."
    return [Caution(level="warning", text=text)]


def _data_cautions(results: RunResults) -> list[Caution]:
    found = []
    if results.data.synthetic:
        text = "The data is synthetic: drawn faces, not photographs. No figure here says anything about real faces, "
        text += "and some that count as near-duplicates are only drawn alike."
        found.append(Caution(level="warning", text=text))
    if results.data.after.failed("critical"):
        messages = " ".join(finding.message for finding in results.data.after.failed("critical"))
        found.append(Caution(level="critical", text=f"After cleaning the data still fails a critical rule. {messages}"))
    before, after = results.data.before, results.data.after
    grave, mild, left = len(before.failed("critical")), len(before.failed("warning")), len(after.failed("warning"))
    if grave or mild or left:
        text = f"As published the data failed {plural(grave, 'critical rule')} and {plural(mild, 'warning')}; "
        text += f"after cleaning {plural(len(after.failed('critical')), 'critical rule')} and {plural(left, 'warning')}"
        found.append(Caution(level="warning", text=f"{text} remain (see Data)."))
    return found + _change_cautions(results)


def _change_cautions(results: RunResults) -> list[Caution]:
    """Name what changed beyond a limit since the last accepted data set."""
    broken = [change for change in results.changes if not change.success]
    if not broken:
        return []
    level = "critical" if any(change.severity == "critical" for change in broken) else "warning"
    messages = "; ".join(change.message for change in broken)
    text = f"Since the last accepted data set it changed beyond {plural(len(broken), 'limit')}: {messages} (see Data)."
    return [Caution(level=level, text=text)]


def _variant_cautions(results: RunResults) -> list[Caution]:
    found = []
    for status, verb in (("failed", "failed"), ("skipped", "skipped"), ("trained", "trained without being scored")):
        names = [variant.name for variant in missing_variants(results) if variant.status == status]
        if names:
            found.append(Caution(level="warning", text=f"Not ranked, since {verb}: {join_names(names)} (see Missing)."))
    incomplete = incomplete_spreads(results)
    if incomplete:
        text = f"Trainings failed with some of the seeds: {join_names(incomplete)}. "
        found.append(Caution(level="warning", text=text + "Mean and spread are those of the others (see Seeds)."))
    peeking = [variant.name for variant in scored_variants(results) if variant.monitor == "validation"]
    if peeking:
        text = f"The epochs of {join_names(peeking)} were chosen on validation itself, as the notebook did: "
        found.append(Caution(level="warning", text=text + "their validation accuracy flatters them."))
    untaught = [variant.name for variant in scored_variants(results) if is_at_chance(variant)]
    if untaught:
        text = f"No better than always naming the largest class: {join_names(untaught)}. "
        found.append(
            Caution(level="warning", text=text + "Their training was too short or failed to learn (see Training).")
        )
    return found


def is_at_chance(variant: VariantResult) -> bool:
    """Return whether the variant's interval holds the accuracy of always naming validation's largest class."""
    validation = variant.parts["validation"]
    largest = max(sum(row) for row in validation.confusion)
    return validation.accuracy_low <= largest / validation.images
