"""What a verdict on a data set comes to: its outcome, its rules and counts as rows, and what to do next."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from data.quality.split_similarity import WORDING, FeatureDifference, SplitComparison, SplitPair
from data.records.dataset import NOT_CHECKED, DataSummary, Finding, Severity
from reports.dataset.exhibits import DataEvidence

STRONGEST = 10
"""Statistics of a pair of splits that a page shows at once."""

Outcome = Literal["accepted", "changed", "refused"]

SPREAD_OVER_SPLITS = "Take the copies out of the split that is trained on"
SPREAD_OVER_CLASSES = "Decide on one class for each picture and take the copies under the other out"
MEANT = (
    "Look whether the new edition is meant; if it is, run again with the policy similar_to_last=warn, and the next one "
    "is compared with it"
)

ADVICE = {
    "known_splits": "Move the files into the folders of the known splits, or take them out",
    "known_labels": "Move the files into the folders of the known classes, or take them out",
    "nested_folder": "Move the files up into the folder of their class",
    "not_an_image": "Replace the files by JPEG or PNG images, or take them out",
    "decodable": "Fetch the source again; replace files that are still damaged",
    "image_size": "Bring the images to the size of the others, by the program that made those",
    "really_gray": "Convert the images to 8-bit gray",
    "not_blank": "Replace the images by what they were to show, or take them out",
    "no_duplicates_across_splits": SPREAD_OVER_SPLITS,
    "one_label_per_image": SPREAD_OVER_CLASSES,
    "no_duplicates_within_train": "Take all but one of each image out",
    "no_near_duplicates_across_splits": SPREAD_OVER_SPLITS,
    "one_label_per_picture": SPREAD_OVER_CLASSES,
    "each_class_in_each_split": "Look whether the source is whole, and add what is missing",
    "enough_images": "Add images of these classes; where cleaning took them, mend what the quarantine lists",
    "class_balance": "Add images of the smallest class, or take some of the largest out",
    "expected_counts": "Fetch the source again, and look which folder has lost or gained images",
    "splits_alike": "Make all splits anew from the same originals by the same steps",
}
"""rule -> what a person can do where it stops a run."""

OTHER_ADVICE = "Look at the images named here, and mend them where they come from"
UNCHECKED_ADVICE = "Find out why the check did not run, since it says nothing of the data; the message has the cause"


class RuleRow(BaseModel):
    """One rule of the verdict: what it saw before and after cleaning, and what was to be done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    policy: str
    before: Finding | None
    after: Finding | None

    @property
    def shown(self) -> Finding | None:
        """The finding whose figures are told first."""
        return self.before or self.after


class SeverityRow(BaseModel):
    """How many rules of one severity were broken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity
    published: int
    cleaned: int
    changed: int


class SplitRow(BaseModel):
    """What was kept of one split, by class: pairs of images published and images used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    cells: tuple[tuple[int, int], ...]
    carved: bool = Field(default=False, description="a part of the row above, whose used images are its published ones")

    @property
    def total(self) -> tuple[int, int]:
        """Images published and images used, all classes together."""
        return sum(published for published, _ in self.cells), sum(used for _, used in self.cells)


class StatisticRow(BaseModel):
    """One statistic of one class in two splits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    statistic: str
    difference: FeatureDifference


class PairTable(BaseModel):
    """How alike two splits are, and every statistic that says so: those furthest apart first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: SplitPair
    strongest: tuple[StatisticRow, ...]
    others: tuple[StatisticRow, ...]


class NextStep(BaseModel):
    """What to do about one finding that stops a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    message: str
    advice: str


def judge_outcome(summary: DataSummary, evidence: DataEvidence) -> Outcome:
    """Return whether models may be trained on a data set, which a change holds back and a broken rule forbids."""
    if critical_findings(summary) or not summary.counts_used:
        return "refused"
    return "changed" if any(_is_critical(change) for change in evidence.changes) else "accepted"


def critical_findings(summary: DataSummary) -> list[Finding]:
    """Return what stops a run: critical findings that cleaning could not mend."""
    return [*summary.before.failed("critical"), *summary.after.failed("critical")]


def list_rules(summary: DataSummary, policies: Mapping[str, str]) -> list[RuleRow]:
    """Return a row for each finding, with that of the same rule after cleaning: the gravest breach first.

    Rules that passed follow, then those that were not looked at.
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
    return sorted(rows, key=_rank_gravity)


def _rank_gravity(row: RuleRow) -> int:
    severities: tuple[Severity, ...] = get_args(Severity)
    findings = [finding for finding in (row.before, row.after) if finding]
    broken = [severities.index(finding.severity) for finding in findings if not finding.success]
    return min(broken, default=len(severities) if findings else len(severities) + 1)


def count_faults(summary: DataSummary) -> list[tuple[str, int]]:
    """Return what is repeated, contradictory or empty in a data set as published, in words and images or groups."""
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
    """Return how many rules of each severity were broken, gravest first."""

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
    """Return what was kept of each split; train counts what was carved from it, which has a row of its own below."""
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
    """Return the tests of each pair of splits, ordered by the size of Cliff's delta."""
    tables = []
    for pair in comparison.pairs:
        ordered = sorted(pair.differences, key=lambda difference: -abs(difference.cliffs_delta))
        rows = tuple(StatisticRow(label=d.label, statistic=WORDING[d.feature][0], difference=d) for d in ordered)
        tables.append(PairTable(pair=pair, strongest=rows[:STRONGEST], others=rows[STRONGEST:]))
    return tables


def list_next_steps(summary: DataSummary, evidence: DataEvidence) -> list[NextStep]:
    """Return what to do about each finding that stops a run; nothing where none does."""
    refusals = [
        NextStep(rule=finding.rule, message=finding.message, advice=_advise(finding, evidence.policies))
        for finding in critical_findings(summary)
    ]
    if not refusals and not summary.counts_used:
        message = "no train image is left after cleaning"
        refusals = [NextStep(rule="quarantine", message=message, advice=f"{OTHER_ADVICE}.")]
    changes = [
        NextStep(rule=change.rule, message=change.message, advice=f"{MEANT}.")
        for change in evidence.changes
        if _is_critical(change)
    ]
    # What breaks a rule as published and still does after cleaning is one thing to do.
    return list({step.rule + step.message: step for step in refusals + changes}.values())


def _advise(finding: Finding, policies: Mapping[str, str]) -> str:
    if finding.observed == NOT_CHECKED:
        return f"{UNCHECKED_ADVICE}."
    advice = ADVICE.get(finding.rule, OTHER_ADVICE)
    if policies.get(finding.rule) == "fail":
        return f"{advice}. Or choose another policy than fail for {finding.rule} among the flow's parameters."
    return f"{advice}."


def _is_critical(finding: Finding) -> bool:
    return finding.severity == "critical" and not finding.success
