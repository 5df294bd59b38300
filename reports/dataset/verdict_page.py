"""Page with the verdict on a data set, `verdict.html`, and the part of it that a run's report shows too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from data.records.dataset import DataSummary, Finding
from data.votes.wording import TABLE_HEAD, TABLE_NOTE, crowd_sentences, crowd_table, match_sentence
from data.workspace.layout import SUMMARY_NAME
from reports.common.formatting import observed_text
from reports.common.markdown_text import escape_text, markdown_table
from reports.common.templates import make_environment
from reports.dataset.exhibits import EVIDENCE_NAME, QUARANTINE_LIST, DataEvidence, Exhibit
from reports.dataset.findings import (
    Outcome,
    count_faults,
    count_kept,
    count_severities,
    judge_outcome,
    list_next_steps,
    list_rules,
    tabulate_pairs,
)

VERDICT_PAGE = "verdict.html"

HEADLINES: dict[Outcome, str] = {
    "accepted": "Accepted: models may be trained on it.",
    "changed": "Held back: it changed beyond a limit since the last accepted data set, until a policy accepts it.",
    "refused": "Refused: nothing is trained on it.",
}


def render_verdict(summary: DataSummary, evidence: DataEvidence, quarantine: pd.DataFrame, out: Path) -> None:
    """Write the verdict on a data set: its page, the quarantine list, and the data that the page shows.

    Args:
        summary: the judged data set.
        evidence: pictures, changes and links.
        quarantine: path, split, label and reason; see `data.quality.cleaning.clean_manifest`.
        out: the directory to write into.
    """
    data = describe_data(summary, evidence)
    steps = list_next_steps(summary, evidence)
    context = {
        "steps": steps,
        "contents": [("next", "What to do next")] * bool(steps) + _list_contents(data),
    }
    page = make_environment().get_template("dataset/verdict_page.html").render(context | data)
    (out / VERDICT_PAGE).write_text(page, encoding="utf-8")
    (out / SUMMARY_NAME).write_text(summary.model_dump_json(indent=1), encoding="utf-8")
    quarantine.to_csv(out / QUARANTINE_LIST, index=False)
    (out / EVIDENCE_NAME).write_text(evidence.model_dump_json(indent=1), encoding="utf-8")


def describe_data(summary: DataSummary, evidence: DataEvidence) -> dict[str, Any]:
    """Return the context of the template on a data set, for the verdict page and a run's report."""
    labels = list(
        dict.fromkeys(
            (*summary.data_format.labels, *(name for row in summary.counts_published.values() for name in row))
        )
    )
    outcome = judge_outcome(summary, evidence)
    shown = [pair for pair in _attach_exhibits(summary.before.findings, evidence.exhibits) if pair[1].groups]
    return {
        "data": summary,
        "outcome_name": outcome,
        "headline": HEADLINES[outcome],
        "evidence": evidence,
        "labels": labels,
        "severities": count_severities(summary, evidence),
        "rules": list_rules(summary, evidence.policies),
        "faults": count_faults(summary),
        "splits": count_kept(summary, labels),
        "set_aside": _count(summary.counts_published) - _count(summary.counts_used),
        "exhibits": [pair for pair in shown if not pair[0].success],
        "alike": [pair for pair in shown if pair[0].success and pair[0].rule == "splits_alike"],
        "pairs": tabulate_pairs(evidence.comparison),
        "changes": _attach_exhibits(evidence.changes, evidence.change_exhibits),
        "votes": _describe_votes(summary),
    }


def _describe_votes(summary: DataSummary) -> dict[str, Any] | None:
    """Return sentences and a table on the votes of people, or None if nobody voted."""
    if summary.votes is None or summary.crowd is None:
        return None
    sentences = (*crowd_sentences(summary.crowd), match_sentence(summary.votes))
    return {"sentences": sentences, "head": TABLE_HEAD, "rows": crowd_table(summary.crowd), "note": TABLE_NOTE}


def _attach_exhibits(findings: tuple[Finding, ...], exhibits: tuple[Exhibit, ...]) -> list[tuple[Finding, Exhibit]]:
    """Pair each finding with its pictures, or with an empty exhibit if none were gathered."""
    return list(zip(findings, exhibits or (Exhibit(),) * len(findings), strict=True))


def _list_contents(data: dict[str, Any]) -> list[tuple[str, str]]:
    """List anchor and name of the page's parts, without empty parts."""
    parts = [
        ("data-counts", "Kept", True),
        ("data-severity", "Severity", True),
        ("data-rules", "Rules", True),
        ("data-changes", "Changes", data["changes"]),
        ("data-examples", "Examples", data["exhibits"]),
        ("data-splits", "Splits", data["pairs"]),
        ("data-odd", "Odd images", data["evidence"].odd_images),
        ("data-votes", "Votes", data["votes"]),
        ("data-quarantine", "Quarantine", True),
        ("limits", "Limits", True),
    ]
    return [(anchor, name) for anchor, name, shown in parts if shown]


def verdict_markdown(summary: DataSummary, evidence: DataEvidence, places: Mapping[str, str]) -> str:
    """Render the verdict as Markdown, for places that cannot show pictures.

    Args:
        summary: the judged data set.
        evidence: changes and policies.
        places: title -> URL of a page on the data set; http URLs become links, others are shown as text.
    """
    lines = [f"**{HEADLINES[judge_outcome(summary, evidence)]}**", ""]
    lines += [f"- {escape_text(line)}" for line in evidence.folders]
    steps = [f"{s.rule}: {s.message.rstrip('.')}. {s.advice}" for s in list_next_steps(summary, evidence)]
    lines += [f"- {escape_text(step)}" for step in steps]
    lines += ["", *_severity_table(summary, evidence), *_rule_table(summary, evidence)]
    changes = [[change.rule, _word_outcome(change), change.message] for change in evidence.changes]
    lines += markdown_table(["since the last accepted data set", "outcome", "finding"], changes) if changes else []
    set_aside = [[count.reason, f"{count.images:,}"] for count in summary.quarantine]
    lines += markdown_table(["set aside because", "images"], set_aside) if set_aside else []
    if votes := _describe_votes(summary):
        lines += [f"- {escape_text(line)}" for line in votes["sentences"]]
        lines += ["", *markdown_table(votes["head"], votes["rows"]), escape_text(votes["note"]), ""]
    return "\n".join([*lines, *(f"- {title}: {_link(title, place)}" for title, place in places.items())])


def _severity_table(summary: DataSummary, evidence: DataEvidence) -> list[str]:
    rows = count_severities(summary, evidence)
    cells = [[row.severity, str(row.published), str(row.cleaned), str(row.changed)] for row in rows]
    return markdown_table(["broken rules", "as published", "after cleaning", "since the last"], cells)


def _rule_table(summary: DataSummary, evidence: DataEvidence) -> list[str]:
    cells = [
        [row.rule, row.policy or "-", *(_word_outcome(f) for f in (row.before, row.after)), *_seen(row.shown)]
        for row in list_rules(summary, evidence.policies)
    ]
    header = ["rule", "policy", "as published", "after cleaning", "observed", "finding"]
    return markdown_table(header, cells)


def _seen(finding: Finding | None) -> tuple[str, str]:
    return (observed_text(finding.observed), finding.message) if finding else ("", "")


def _word_outcome(finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return "passed" if finding.success else finding.severity


def _link(title: str, place: str) -> str:
    return f"[{title}]({place})" if place.startswith(("http://", "https://")) else f"`{place}`"


def _count(images: dict[str, dict[str, int]]) -> int:
    return sum(sum(classes.values()) for classes in images.values())
