"""The datasheet says what was measured, what people told, and that the rest is not known."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from data.quality.datasheet import (
    FER2013_FACTS,
    NOT_KNOWN,
    SAMPLE_FACTS,
    DatasheetFacts,
    render_datasheet,
    write_datasheet,
)
from data.records.dataset import DataSummary, Finding, QuarantineCount, Verdict

SECTIONS = [
    "Motivation",
    "Composition",
    "Collection",
    "Preprocessing, cleaning and labels",
    "Uses",
    "Distribution",
    "Maintenance",
]


def make_summary(success: bool = False, **changes: object) -> DataSummary:
    """Return the summary of a data set with one finding."""
    finding = Finding(
        rule="known_splits",
        severity="warning",
        success=success,
        observed=1_200,
        expected="the splits",
        message="1,200 images found outside the splits: a\n# forged <b>heading",
    )
    fields: dict[str, object] = {
        "source": "faces.zip",
        "synthetic": False,
        "counts_published": {"train": {"happy": 3_976, "sad": 12}, "odd|split": {"disgust": 7}},
        "counts_used": {"train": {"happy": 3_900}, "selection": {"happy": 70}},
        "duplicate_groups": 312,
        "duplicate_groups_across_splits": 47,
        "leaking_train_images": 58,
        "label_conflict_images": 21,
        "blank_images": 6,
        "undecodable_images": 1,
        "before": Verdict(findings=(finding,)),
        "after": Verdict(findings=()),
        "quarantine": (QuarantineCount(reason="leaking_train", images=1_058),),
    }
    return DataSummary.model_validate({**fields, **changes})


def test_measured_figures_are_filled_in() -> None:
    text = render_datasheet(make_summary(), DatasheetFacts(identity="Key 0a1b."))
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    assert "Source: faces.zip. Key 0a1b." in text
    assert "| train | 3,976 | 0 | 12 | 0 | 0 | 3,988 |" in text
    assert r"| odd\|split | 0 | 0 | 0 | 0 | 7 | 7 |" in text
    assert "| selection | 70 | 0 | 0 | 0 | 70 |" in text
    assert "| Of these, groups across splits | 47 |" in text
    assert "| leaking_train | 1,058 |" in text
    assert text.count("| Reason | Images |") == text.count("| Found | Count |") == 1
    assert "1 of 1 rules were broken" in text and "# forged &lt;b&gt;heading" in text and "\n# forged" not in text


def test_what_nobody_told_is_not_known() -> None:
    known = DatasheetFacts(licence="CC BY 4.0", people="Students who volunteered.")
    empty, told = (render_datasheet(make_summary(), facts) for facts in (DatasheetFacts(), known))
    asked = set(DatasheetFacts.model_fields) - {"title", "identity"}
    assert empty.count(NOT_KNOWN) == len(asked)
    assert told.count(NOT_KNOWN) == len(asked) - 2
    assert "CC BY 4.0" in told and "Students who volunteered." in told


def test_every_fact_appears() -> None:
    facts = DatasheetFacts.model_validate({name: f"told about {name}" for name in DatasheetFacts.model_fields})
    text = render_datasheet(make_summary(), facts)
    assert [name for name in DatasheetFacts.model_fields if f"told about {name}" not in text] == []


def test_the_sample_is_fully_known_and_called_drawn() -> None:
    text = render_datasheet(make_summary(synthetic=True), SAMPLE_FACTS)
    assert NOT_KNOWN not in text
    assert "say nothing of real ones" in text
    assert "say nothing of real ones" not in render_datasheet(make_summary(), FER2013_FACTS)


def test_a_clean_set_says_so(tmp_path: Path) -> None:
    summary = make_summary(success=True, quarantine=(), counts_used={})
    write_datasheet(summary, FER2013_FACTS, tmp_path / "datasheet.md")
    text = (tmp_path / "datasheet.md").read_text(encoding="utf-8")
    assert "All 1 rules passed." in text
    assert "**What did the pipeline set aside?**\n\nNothing." in text
    assert "**What is left, by part?**\n\nNone." in text


def test_unknown_facts_are_refused() -> None:
    with pytest.raises(ValidationError):
        DatasheetFacts.model_validate({"license": "MIT"})


def answer_to(question: str, text: str) -> str:
    """Return the answer to a question of a datasheet."""
    return text.partition(f"**{question}**\n\n")[2].partition("\n\n**")[0].partition("\n\n## ")[0].rstrip("\n")


def make_finding(severity: str, success: bool, message: str) -> Finding:
    return Finding.model_validate(
        {"rule": "r", "severity": severity, "success": success, "observed": 1, "expected": "e", "message": message}
    )


def test_errors_are_a_table_of_all_counts_and_the_broken_rules() -> None:
    findings = (
        make_finding("critical", False, "two images of one | picture"),
        make_finding("info", True, "passed"),
        make_finding("warning", False, "three"),
    )
    text = render_datasheet(
        make_summary(before=Verdict(findings=findings), duplicate_groups=1_312, blank_images=0), DatasheetFacts()
    )
    assert answer_to("What errors, noise and repetitions are there?", text) == "\n".join(
        [
            "| Found | Count |",
            "| --- | ---: |",
            "| Groups of images with equal pixels | 1,312 |",
            "| Of these, groups across splits | 47 |",
            "| Train images that also stand in validation or test | 58 |",
            "| Images whose pixels stand under two or more labels | 21 |",
            "| Blank images | 0 |",
            "| Files that cannot be decoded | 1 |",
            "",
            "2 of 3 rules were broken:",
            "",
            "- critical: two images of one | picture",
            "- warning: three",
        ]
    )


@pytest.mark.parametrize(
    ("findings", "expected"),
    [((), "No rule was checked."), ((make_finding("info", True, "passed"),) * 2, "All 2 rules passed.")],
)
def test_nothing_broken_is_said(findings: tuple[Finding, ...], expected: str) -> None:
    text = render_datasheet(make_summary(before=Verdict(findings=findings)), DatasheetFacts())
    assert answer_to("What errors, noise and repetitions are there?", text).endswith(f"| 1 |\n\n{expected}")


def test_counts_are_a_table_of_the_classes_then_others_and_the_total() -> None:
    counts = {
        "train": {"happy": 1_000, "surprise": 1},
        "": {"disgust": 2, "": 3},
    }
    text = render_datasheet(make_summary(counts_published=counts), DatasheetFacts())
    assert answer_to("How many are there, as published?", text).splitlines() == [
        "|  | happy | neutral | sad | surprise | disgust | (none) | total |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| train | 1,000 | 0 | 0 | 1 | 0 | 0 | 1,001 |",
        "| (none) | 0 | 0 | 0 | 0 | 2 | 3 | 5 |",
    ]


def test_the_quarantine_is_a_table_of_its_reasons() -> None:
    counts = (QuarantineCount(reason="blank", images=4), QuarantineCount(reason="leaking_train", images=1_378))
    text = render_datasheet(make_summary(quarantine=counts), DatasheetFacts())
    assert answer_to("What did the pipeline set aside?", text) == (
        "| Reason | Images |\n| --- | ---: |\n| blank | 4 |\n| leaking_train | 1,378 |\n\n"
        "An image with two reasons is counted under both."
    )


@pytest.mark.parametrize(("synthetic", "kind"), [(True, "Faces drawn by a program"), (False, "Images of faces")])
def test_an_instance_is_told_with_its_size_and_classes(synthetic: bool, kind: str) -> None:
    text = render_datasheet(make_summary(synthetic=synthetic), DatasheetFacts())
    assert answer_to("What does one instance show?", text) == (
        f"{kind}, 48x48 gray pixels, each with one label: happy, neutral, sad, surprise."
    )
    assert answer_to("How is it divided?", text).startswith("As published into train, odd|split. The pipeline carves")
    assert answer_to("What should it not be used for?", text).endswith(
        "say nothing of real ones." if synthetic else "cannot be told from this data."
    )


def test_the_page_begins_with_its_title_and_ends_with_a_line() -> None:
    text = render_datasheet(make_summary(), DatasheetFacts(updates="by  mail"))
    assert text.startswith(
        "# Datasheet: Facial expressions, 48x48 gray\n\nAfter Gebru et al. (2021). Figures are measured by the "
        "pipeline; the rest is what people told it.\n\n## Motivation\n\n**What was it made for?**\n\nNot known.\n\n"
    )
    assert text.endswith("**How is it corrected?**\n\nby  mail\n")
    with pytest.raises(ValidationError):
        DatasheetFacts(title="")
    assert DatasheetFacts(title="A").title == "A"
