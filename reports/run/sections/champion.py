"""Report section on the champion: the decision and the criteria that it rests on."""

from typing import Any

from data.records.promotion import Decision
from data.records.run import RunResults
from data.records.truths import TRUTH_WORDS
from reports.common.markdown_text import escape_text
from reports.run.sources import ReportSources

ANCHOR, TITLE = "champion", "Champion"

OUTCOMES = {
    "promote": "The champion changes",
    "ask": "The champion changes once a person approves",
    "keep": "The champion stays",
}
CRITERIA = {
    "another_model": "another model",
    "accuracy_gain": "accuracy gain",
    "gain_over_most_frequent_class": "gain over the most frequent class",
    "classes_present": "classes in validation",
    "class_recall": "recall of each class",
    "calibration_error": "calibration error",
    "latency": "time of one image",
    "latency_ratio": "time over the champion's",
    "data_findings": "findings on the data",
    "reload_difference": "saved model gives the same",
    "not_rolled_back": "not rolled back before",
    "kind_of_images": "kind of images",
    "epoch_chosen_elsewhere": "choice of the epoch",
}
"""Name of a criterion -> label for readers."""


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows; nothing without a decision."""
    if results.decision is None:
        return {}
    return {"decision_outcome": OUTCOMES[results.decision.outcome], "decision_rows": decision_rows(results.decision)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none without a decision."""
    return ["## Champion", "", decision_markdown(results.decision)] if results.decision else []


def decision_markdown(decision: Decision) -> str:
    """Write a decision as Markdown: a list, since the reasons are sentences and Prefect's tables do not wrap lines."""
    lines = [f"**{OUTCOMES[decision.outcome]}.** {escape_text(decision.summary)}", ""]
    lines += [f"Judged by {TRUTH_WORDS[decision.truth]}.", ""] if decision.truth != "published" else []
    reasons = [
        f"- {'✓' if row['holds'] == 'yes' else '✗'} **{escape_text(row['criterion'])}**: {escape_text(row['why'])}"
        for row in decision_rows(decision)
    ]
    return "\n".join([*lines, *reasons, ""])


def decision_rows(decision: Decision) -> list[dict[str, str]]:
    """List the criteria as table rows of text, those that do not hold first."""
    criteria = sorted(decision.criteria, key=lambda criterion: criterion.passed)
    return [
        {
            "criterion": CRITERIA.get(criterion.name, criterion.name),
            "holds": "yes" if criterion.passed else "no",
            "why": criterion.message,
        }
        for criterion in criteria
    ]
