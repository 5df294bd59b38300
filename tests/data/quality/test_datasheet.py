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
