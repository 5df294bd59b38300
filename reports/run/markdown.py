"""The report as Markdown: tables alone, for places that show no pictures."""

import math
import re

from data.records.promotion import Decision
from data.records.run import RunResults
from data.records.training import RepeatRecord
from reports.common.formatting import MISSING, moment, number, percent, plural, shorten
from reports.common.markdown_text import escape_text, markdown_table
from reports.difference.page import since_sentence, versus_lines
from reports.run.sections.calibration import rejection_sentences
from reports.run.sections.champion import OUTCOMES, decision_rows
from reports.run.sections.errors import confusion_sentence, errors_of, shared_sentence
from reports.run.sections.model_card import write_card
from reports.run.sections.questions import list_questions
from reports.run.sections.slices import slice_rows, slice_sentence
from reports.run.seed_spreads import seed_sentences, seed_spreads
from reports.run.summary import (
    best_variant,
    cautions,
    leaderboard_rows,
    making_differences,
    making_of_report,
    missing_reason,
    missing_variants,
    scored_variants,
    summary_sentences,
    teaching_sentences,
)


def render_markdown(results: RunResults) -> str:
    """Return the report of a run as Markdown without images."""
    head = f"{moment(results.started)}, preset {results.preset}, seed {results.seed}, data from {results.data.source}"
    lines = [f"# Retraining report: {escape_text(results.run_name)}", "", escape_text(head), ""]
    for caution in cautions(results):
        lines += [f"> **{caution.level}:** {escape_text(caution.text)}", ""]
    lines += [escape_text(" ".join(summary_sentences(results))), ""]
    lines += (
        _decision(results)
        + _leaderboard(results)
        + _questions(results)
        + _seeds(results)
        + _per_class(results)
        + _confusion(results)
        + _errors(results)
        + _rejection(results)
        + _data(results)
        + _since_last(results)
        + _missing(results)
    )
    return "\n".join(lines + _lineage(results) + _limits(results))


def decision_markdown(decision: Decision) -> str:
    """Return a decision as Markdown: a list, since the reasons are sentences, and Prefect's tables do not wrap."""
    lines = [f"**{OUTCOMES[decision.outcome]}.** {escape_text(decision.summary)}", ""]
    reasons = [
        f"- {'✓' if row['holds'] == 'yes' else '✗'} **{escape_text(row['criterion'])}**: {escape_text(row['why'])}"
        for row in decision_rows(decision)
    ]
    return "\n".join([*lines, *reasons, ""])


def _decision(results: RunResults) -> list[str]:
    return ["## Champion", "", decision_markdown(results.decision)] if results.decision else []


def _leaderboard(results: RunResults) -> list[str]:
    rows = leaderboard_rows(results)
    if not rows:
        return []
    note = "Ranked on validation; the test accuracy stands beside it and decides nothing."
    table = markdown_table(list(rows[0]), [list(row.values()) for row in rows])
    teachings = [line for sentence in teaching_sentences(results) for line in (escape_text(sentence), "")]
    return ["## Leaderboard", "", note, "", *table, *_accuracy_chart(results), *teachings]


def _accuracy_chart(results: RunResults) -> list[str]:
    """Return validation accuracies as a Mermaid bar chart; its axis starts at 0, as bars must."""
    finite = [v for v in scored_variants(results) if math.isfinite(v.parts["validation"].accuracy)]
    if not finite:
        return []
    names = ", ".join(f'"{_mermaid_text(variant.name)}"' for variant in finite)
    bars = ", ".join(f"{100 * variant.parts['validation'].accuracy:.1f}" for variant in finite)
    chart = ["xychart-beta horizontal", '    title "Validation accuracy, %"', f"    x-axis [{names}]"]
    return ["```mermaid", *chart, "    y-axis 0 --> 100", f"    bar [{bars}]", "```", ""]


def _mermaid_text(name: str) -> str:
    """Return a name that cannot end its quotes, its line or its block."""
    return re.sub(r"[^\w .+-]", "_", shorten(name))


def _questions(results: RunResults) -> list[str]:
    asked = list_questions(results)
    lines = [
        f"- **{question.question}** {escape_text(' '.join(question.sentences) or question.not_asked)}"
        for question in asked
    ]
    return ["## Questions", "", *lines, ""] if asked else []


def _errors(results: RunResults) -> list[str]:
    errors = errors_of(results)
    if errors is None:
        return []
    pairs = [[f"{pair.label} taken for {pair.predicted}", confusion_sentence(pair)] for pair in errors.pairs]
    lines = [f"## Errors of {escape_text(errors.variant)} on validation", ""]
    lines += markdown_table(["confusion", "images"], pairs) if pairs else []
    lines += [escape_text(shared_sentence(errors)), ""] if errors.variants > 1 else []
    lines += [escape_text(slice_sentence(results)), ""]
    rows = slice_rows(results)
    return lines + (markdown_table(list(rows[0]), [list(row.values()) for row in rows]) if rows else [])


def _rejection(results: RunResults) -> list[str]:
    rejection = results.analysis.rejection if results.analysis else None
    if rejection is None:
        return []
    return ["## When to refuse an answer", "", escape_text(" ".join(rejection_sentences(rejection))), ""]


def _since_last(results: RunResults) -> list[str]:
    since = results.analysis.since_last if results.analysis else None
    if since is None:
        return []
    lines = ["## Since the last report", "", escape_text(since_sentence(since)), ""]
    return lines + versus_lines(since, "###")


def _limits(results: RunResults) -> list[str]:
    """Return the model card, a paragraph a heading."""
    parts = [f"**{part.heading}.** {escape_text(' '.join(part.paragraphs))}" for part in write_card(results)]
    return ["## Model card", "", *(line for part in parts for line in (part, ""))] if parts else []


def _seeds(results: RunResults) -> list[str]:
    spreads = seed_spreads(results)
    if not spreads:
        return []
    rows = [[s.name, s.seeds, percent(s.mean, 2), number(100 * s.deviation, 2)] for s in spreads]
    header = ["variant", "seeds", "mean validation accuracy", "standard deviation, points"]
    lines = ["## Seeds", "", escape_text(" ".join(seed_sentences(results))), "", *markdown_table(header, rows)]
    trainings = [_repeat_cells(spread.name, repeat) for spread in spreads for repeat in spread.repeats]
    header = ["variant", "seed", "validation", "selection", "epochs", "core-seconds", "note"]
    return lines + markdown_table(header, trainings)


def _repeat_cells(variant: str, repeat: RepeatRecord) -> list[str]:
    accuracies = [
        MISSING if accuracy is None else percent(accuracy, 2)
        for accuracy in (repeat.validation_accuracy, repeat.selection_accuracy)
    ]
    note = f"{repeat.status}: {repeat.reason}" if repeat.reason else ""
    return [variant, str(repeat.seed), *accuracies, str(repeat.epochs), number(repeat.core_seconds), note]


def _per_class(results: RunResults) -> list[str]:
    variants = scored_variants(results)
    if not variants:
        return []
    rows = [[v.name, *(percent(c.recall) for c in v.parts["validation"].per_class)] for v in variants]
    return ["## Recall of each class on validation", "", *markdown_table(["variant", *results.classes], rows)]


def _confusion(results: RunResults) -> list[str]:
    best = best_variant(results)
    if best is None:
        return []
    counts = best.parts["validation"].confusion
    rows = [[name, *(f"{cell:,}" for cell in row)] for name, row in zip(results.classes, counts, strict=True)]
    title = f"## Confusion of {escape_text(best.name)} on validation"
    return [title, "", *markdown_table(["true, then predicted as", *results.classes], rows)]


def _data(results: RunResults) -> list[str]:
    data = results.data
    counts = [[p, *(f"{c.get(name, 0):,}" for name in results.classes)] for p, c in data.counts_used.items()]
    findings = [
        [finding.rule, when, finding.severity, "passed" if finding.success else "failed", finding.message]
        for when, verdict in (("published", data.before), ("cleaned", data.after))
        for finding in verdict.findings
    ]
    findings += [
        [change.rule, "since the last", change.severity, "passed" if change.success else "failed", change.message]
        for change in results.changes
    ]
    lines = ["## Data", "", *markdown_table(["part", *results.classes], counts)]
    lines += markdown_table(["rule", "data as", "severity", "outcome", "finding"], findings)
    set_aside = [[count.reason, f"{count.images:,}"] for count in data.quarantine]
    return lines + markdown_table(["set aside because", "images"], set_aside)


def _missing(results: RunResults) -> list[str]:
    missing = missing_variants(results)
    if not missing:
        return []
    rows = [[variant.name, variant.status, missing_reason(variant)] for variant in missing]
    return [f"## Missing: {plural(len(rows), 'variant')}", "", *markdown_table(["variant", "status", "why"], rows)]


def _lineage(results: RunResults) -> list[str]:
    facts = {**making_of_report(results), **results.lineage}
    table = markdown_table(["what", "value"], facts.items())
    differences = making_differences(results)
    if differences:
        table += ["Variants of an earlier run were trained otherwise:", ""]
        table += markdown_table(["variant", "what", "trained with", "this report"], differences)
    # An indented block shows the command as it is, whatever characters it holds.
    command = [f"    {line}" for line in results.command.splitlines()]
    return ["## Lineage", "", *table, "Repeat this run:", "", *command, ""]
