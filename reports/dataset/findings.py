"""Contents of the pages on a data set: the outcome, rules and counts as rows, and what to do next."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import Field

from data.base.record import Record
from data.quality.rules import RULES
from data.quality.split_similarity import WORDING, FeatureDifference, SplitComparison, SplitPair
from data.records.dataset import NOT_CHECKED, DataSummary, Finding, Severity
from reports.dataset.exhibits import DataEvidence

STRONGEST = 10
"""Number of statistics of a pair of splits that a page shows unfolded."""

Outcome = Literal["accepted", "changed", "refused"]

OTHER_ADVICE = "Look at the images named here, and repair them at their source"
UNCHECKED_ADVICE = "Find out why the check did not run: it says nothing about the data; the message has the cause"


class RuleRow(Record):
    """One rule of the verdict: its findings before and after cleaning, and the chosen policy."""

    rule: str
    policy: str
    before: Finding | None
    after: Finding | None

    @property
    def shown(self) -> Finding | None:
        """The finding whose figures are shown first."""
        return self.before or self.after


class SeverityRow(Record):
    """Number of broken rules of one severity."""

    severity: Severity
    published: int
    cleaned: int
    changed: int


class SplitRow(Record):
    """Row of one split: for each class, the images published and the images used."""

    name: str
    cells: tuple[tuple[int, int], ...]
    carved: bool = Field(default=False, description="a part of the row above, published there as used")

    @property
    def total(self) -> tuple[int, int]:
        """Images published and images used, over all classes."""
        return sum(published for published, _ in self.cells), sum(used for _, used in self.cells)


class StatisticRow(Record):
    """One statistic of one class in two splits."""

    label: str
    statistic: str
    difference: FeatureDifference


class PairTable(Record):
    """Similarity of two splits with all statistics behind it, the most different statistics first."""

    pair: SplitPair
    strongest: tuple[StatisticRow, ...]
    others: tuple[StatisticRow, ...]


class NextStep(Record):
    """Advice on one finding that stops a run."""

    rule: str
    message: str
    advice: str


def judge_outcome(summary: DataSummary, evidence: DataEvidence) -> Outcome:
    """Decide whether models may be trained on a data set: a change holds it back, a broken rule refuses it."""
    if critical_findings(summary) or not summary.counts_used:
        return "refused"
    return "changed" if any(_is_critical(change) for change in evidence.changes) else "accepted"


def critical_findings(summary: DataSummary) -> list[Finding]:
    """Return the critical findings, which cleaning could not repair and which stop a run."""
    return [*summary.before.failed("critical"), *summary.after.failed("critical")]


def list_rules(summary: DataSummary, policies: Mapping[str, str]) -> list[RuleRow]:
    """Return a row for each finding, with the finding of the same rule after cleaning: the most severe breach first.

    Rules that passed follow, then rules that were not checked.
    """
    after = {finding.rule: finding for finding in summary.after.findings}
    seen = [(finding.rule, finding, after.get(finding.rule)) for finding in summary.before.findings]
    published = {rule for rule, _, _ in seen}
    seen += [(rule, None, finding) for rule, finding in after.items() if rule not in published]
    seen += [(rule, None, None) for rule in policies if rule not in published and rule not in after]
    rows = [
        RuleRow(rule=rule, policy=policies.get(rule, ""), before=before, after=cleaned)
        for rule, before, cleaned in seen
    ]
    return sorted(rows, key=_rank_severity)


def _rank_severity(row: RuleRow) -> int:
    severities: tuple[Severity, ...] = get_args(Severity)
    findings = [finding for finding in (row.before, row.after) if finding]
    broken = [severities.index(finding.severity) for finding in findings if not finding.success]
    return min(broken, default=len(severities) if findings else len(severities) + 1)


def count_faults(summary: DataSummary) -> list[tuple[str, int]]:
    """Return how many images or groups of a data set as published are repeated, contradictory or empty, with a name."""
    return [
        ("groups of equal images", summary.duplicate_groups),
        ("of these, across splits", summary.duplicate_groups_across_splits),
        ("train images equal to one in validation or test", summary.leaking_train_images),
        ("images equal to one of another class", summary.label_conflict_images),
        ("groups that show one picture with different pixels", summary.near_duplicate_groups),
        ("of these, across splits", summary.near_duplicate_groups_across_splits),
        (
            "train images whose picture is in validation or test, differently",
            summary.near_leaking_train_images,
        ),
        ("validation images whose picture is in test, differently", summary.near_leaking_validation_images),
        ("images whose picture is under another class, differently", summary.near_label_conflict_images),
        ("blank images", summary.blank_images),
        ("files that cannot be decoded", summary.undecodable_images),
    ]


def count_severities(summary: DataSummary, evidence: DataEvidence) -> list[SeverityRow]:
    """Count the broken rules of each severity, most severe first."""

    def broken(findings: tuple[Finding, ...], severity: Severity) -> int:
        return sum(finding.severity == severity and not finding.success for finding in findings)

    return [
        SeverityRow(
            severity=severity,
            published=broken(summary.before.findings, severity),
            cleaned=broken(summary.after.findings, severity),
            changed=broken(evidence.changes, severity),
        )
        for severity in get_args(Severity)
    ]


def count_kept(summary: DataSummary, labels: list[str]) -> list[SplitRow]:
    """Count the kept images of each split; train includes the selection part, which has its own row below."""
    used, carved = summary.counts_used, summary.counts_used.get("selection", {})
    rows = []
    for split, published in summary.counts_published.items():
        kept = used.get(split, {})
        extra = carved if split == "train" else {}
        cells = tuple((published.get(name, 0), kept.get(name, 0) + extra.get(name, 0)) for name in labels)
        rows.append(SplitRow(name=split or "(no split)", cells=cells))
        if extra:
            cells = tuple((kept.get(name, 0) + extra.get(name, 0), extra.get(name, 0)) for name in labels)
            rows.append(SplitRow(name="selection", cells=cells, carved=True))
    return rows


def tabulate_pairs(comparison: SplitComparison) -> list[PairTable]:
    """Return the statistical tests of each pair of splits, ordered by the size of Cliff's delta."""
    tables = []
    for pair in comparison.pairs:
        ordered = sorted(pair.differences, key=lambda difference: -abs(difference.cliffs_delta))
        rows = tuple(StatisticRow(label=d.label, statistic=WORDING[d.feature][0], difference=d) for d in ordered)
        tables.append(PairTable(pair=pair, strongest=rows[:STRONGEST], others=rows[STRONGEST:]))
    return tables


def list_next_steps(summary: DataSummary, evidence: DataEvidence) -> list[NextStep]:
    """List what to do about each finding that stops a run; nothing if no finding does."""
    refusals = [
        NextStep(rule=finding.rule, message=finding.message, advice=_advise(finding, evidence.policies))
        for finding in critical_findings(summary)
    ]
    if not refusals and not summary.counts_used:
        message = "no train image is left after cleaning"
        refusals = [NextStep(rule="quarantine", message=message, advice=f"{OTHER_ADVICE}.")]
    accepting = RULES["similar_to_last"].advice
    changes = [
        NextStep(rule=change.rule, message=change.message, advice=f"{accepting}.")
        for change in evidence.changes
        if _is_critical(change)
    ]
    # A rule that is broken as published and still after cleaning needs one step, not two.
    return list({step.rule + step.message: step for step in refusals + changes}.values())


def _advise(finding: Finding, policies: Mapping[str, str]) -> str:
    if finding.observed == NOT_CHECKED:
        return f"{UNCHECKED_ADVICE}."
    advice = RULES[finding.rule].advice if finding.rule in RULES else OTHER_ADVICE
    if policies.get(finding.rule) == "fail":
        return f"{advice}. Or choose another policy than fail for {finding.rule} among the flow's parameters."
    return f"{advice}."


def _is_critical(finding: Finding) -> bool:
    return finding.severity == "critical" and not finding.success
