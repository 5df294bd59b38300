"""The verdict page says what is wrong, what was kept and what to do; it makes no request and breaks on no name."""

import re

import numpy as np
import pandas as pd
import pytest

from data.records.dataset import DataSummary, Finding, QuarantineCount, Verdict
from data.records.votes import VotesMatch
from data.votes.agreement import describe_crowd
from reports.common.images import encode_png
from reports.dataset.exhibits import DataEvidence, Exhibit, Picture, load_evidence
from reports.dataset.findings import count_kept, count_severities, judge_outcome, list_next_steps, list_rules
from reports.dataset.verdict_page import render_verdict, verdict_markdown
from reports.run.page import render_report
from reports.run.sources import ReportSources
from reports.run.summary import cautions
from tests.reports.run.test_page import HOSTILE, PageReader
from tests.support.image_tree import make_manifest
from tests.support.results_factory import draw_face, make_data, make_results
from tests.support.seed_format import CLASSES

QUARANTINE = pd.DataFrame(
    [("train/sad/17.jpg", "train", "sad", "leaking_train")], columns=["path", "split", "label", "reason"]
)


def make_change(severity: str, success: bool = False) -> Finding:
    return Finding.model_validate(
        {
            "rule": "few_images_removed",
            "severity": severity,
            "success": success,
            "observed": 812,
            "expected": "at most 1.0% of the former 20,214 images",
            "message": "812 former images that are gone",
        }
    )


def make_summary(refused: bool = False) -> DataSummary:
    """Return a summary in which cleaning removed every fault, or left a critical breach."""
    data = make_data(synthetic=False)
    softened = tuple(f.model_copy(update={"severity": "warning"}) for f in data.before.findings)
    after = data.before if refused else data.after
    return data.model_copy(update={"before": Verdict(findings=softened), "after": after})


def make_evidence(generator, **changes) -> DataEvidence:
    face = encode_png(draw_face(0, generator))
    pair = tuple(Picture(path=path, source=face) for path in ("train/sad/17.jpg", "test/sad/4.jpg"))
    broken = Picture(path="train/sad/5.jpg", source="")
    fields = {
        "dataset": "0123456789abcdef",
        "policies": {"no_duplicates_across_splits": "quarantine", "class_balance": "warn", "really_gray": "off"},
        "exhibits": (Exhibit(groups=(pair, (broken,))), Exhibit(), Exhibit()),
        "odd_images": (Picture(path="train/happy/9.jpg", source=face, note="entropy -11.8"),),
        "files": {"quarantine": "quarantine.csv"},
        "links": {"Datasheet": "../../datasets/0123456789abcdef/datasheet.md"},
    }
    return DataEvidence.model_validate({**fields, **changes})


@pytest.fixture
def evidence():
    return make_evidence(np.random.default_rng(0))


def render(summary, evidence, out) -> PageReader:
    out.mkdir(exist_ok=True)
    render_verdict(summary, evidence, QUARANTINE, out)
    return PageReader((out / "verdict.html").read_text(encoding="utf-8"))


def changed(evidence, *findings):
    return evidence.model_copy(update={"changes": findings, "compared_with": "fedcba9876543210"})


@pytest.mark.parametrize(
    ("refused", "severity", "outcome"),
    [
        (False, "info", "accepted"),
        (False, "warning", "accepted"),
        (False, "critical", "changed"),
        (True, "info", "refused"),
        (True, "critical", "refused"),
    ],
)
def test_the_outcome_follows_from_rules_and_change(evidence, refused, severity, outcome):
    assert judge_outcome(make_summary(refused), changed(evidence, make_change(severity))) == outcome


def test_a_data_set_that_cleaning_emptied_is_refused_and_says_so(evidence):
    emptied = make_summary().model_copy(update={"counts_used": {}})
    assert judge_outcome(emptied, evidence) == "refused"
    assert [step.message for step in list_next_steps(emptied, evidence)] == ["no train image is left after cleaning"]


def test_an_accepted_page_shows_findings_pictures_and_lists(evidence, tmp_path):
    page = render(make_summary(), evidence, tmp_path)
    assert page.open == []
    assert "Accepted: models may be trained on it." in page.text
    assert "What to do next" not in page.text
    row = page.cells("rules", "no_duplicates_across_splits")
    assert row[1:4] == ["quarantine", "warning", "passed"]
    assert row[4] == "47 then 0"
    assert "47 groups of equal images stand in two splits. expected: no image stands in two splits" in row[5]
    shown = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert shown == ["train/sad/17.jpg", "test/sad/4.jpg", "train/happy/9.jpg"]
    assert "cannot be shown" in page.text and "entropy -11.8" in page.text
    links = {attributes.get("href") for tag, attributes in page.tags if tag == "a"}
    assert {"quarantine.csv", "../../datasets/0123456789abcdef/datasheet.md"} <= links
    assert (tmp_path / "quarantine.csv").read_text().splitlines()[1] == "train/sad/17.jpg,train,sad,leaking_train"
    assert load_evidence(tmp_path) == evidence


def test_a_refused_page_says_what_to_do(evidence, tmp_path):
    page = render(make_summary(refused=True), evidence, tmp_path)
    assert "Refused: nothing is trained on it." in page.text
    assert "Take the copies out of the split that is trained on." in page.text
    assert page.cells("severity", "critical")[1:] == ["0", "1", "0"]


def test_advice_names_another_policy_only_where_the_rule_was_set_to_fail(evidence):
    refused = make_summary(refused=True)
    (step,) = list_next_steps(refused, evidence)
    assert "policy" not in step.advice
    failing = evidence.model_copy(update={"policies": {"no_duplicates_across_splits": "fail"}})
    (step,) = list_next_steps(refused, failing)
    assert "another policy than fail for no_duplicates_across_splits" in step.advice


def test_a_check_that_did_not_run_is_not_blamed_on_the_data(evidence):
    broken = make_summary().before.findings[0].model_copy(update={"severity": "critical", "observed": "not checked"})
    summary = make_summary().model_copy(update={"before": Verdict(findings=(broken,))})
    (step,) = list_next_steps(summary, evidence)
    assert "check did not run" in step.advice


def test_what_changed_stands_on_the_page_and_in_its_contents(evidence, tmp_path):
    alone = render(make_summary(), evidence, tmp_path)
    page = render(make_summary(), changed(evidence, make_change("critical")), tmp_path)
    assert "few_images_removed" not in alone.text
    assert page.cells("changes", "few_images_removed")[1:3] == ["critical", "812"]
    assert "Held back" in page.text and "similar_to_last=warn" in page.text
    assert "fedcba9876543210" in page.text
    anchors = {attributes.get("href") for tag, attributes in page.tags if tag == "a"}
    assert "#data-changes" in anchors and "#next" in anchors


def test_contents_lead_somewhere_and_the_page_makes_no_request(evidence, tmp_path):
    page = render(make_summary(refused=True), changed(evidence, make_change("warning")), tmp_path)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "form"}
        assert (attributes.get("src") or "data:image/png;base64,").startswith("data:image/png;base64,")
        reference = attributes.get("href") or ""
        assert not reference.startswith("#") or reference[1:] in ids
    raw = (tmp_path / "verdict.html").read_text(encoding="utf-8")
    assert re.findall(r"https?://", raw) == []
    assert "default-src 'none'" in raw


def test_rules_come_gravest_first_and_those_switched_off_last(evidence):
    rows = list_rules(make_summary(refused=True), evidence.policies)
    assert [row.rule for row in rows] == ["no_duplicates_across_splits", "class_balance", "image_count", "really_gray"]
    assert rows[-1].shown is None and rows[-1].policy == "off"


def test_severities_are_counted_apart(evidence):
    rows = count_severities(make_summary(refused=True), changed(evidence, make_change("warning")))
    assert [(row.severity, row.published, row.cleaned, row.changed) for row in rows] == [
        ("critical", 0, 1, 0),
        ("warning", 2, 1, 1),
        ("info", 0, 0, 0),
    ]


def test_kept_images_add_up_and_selection_is_part_of_train():
    summary = make_summary()
    labels = [*summary.counts_published["train"], "disgust"]
    train, selection, validation, test = count_kept(summary, labels)
    used = summary.counts_used
    assert train.total == (15_109, sum(used["train"].values()) + sum(used["selection"].values()))
    assert selection.carved and selection.total == (train.total[1], sum(used["selection"].values()))
    assert validation.total == (4_977, 4_977) and test.cells[-1] == (0, 0)


def test_hostile_names_stay_text(evidence, tmp_path):
    finding = make_change("critical").model_copy(update={"rule": HOSTILE, "message": HOSTILE, "expected": HOSTILE})
    summary = make_summary(refused=True).model_copy(
        update={"source": HOSTILE, "quarantine": (QuarantineCount(reason=HOSTILE, images=1),)}
    )
    odd = (Picture(path=HOSTILE, source="", note=HOSTILE),)
    hostile = changed(evidence, finding).model_copy(update={"odd_images": odd})
    page = render(summary, hostile, tmp_path)
    assert page.open == []
    assert not any(tag == "script" or "onload" in attributes for tag, attributes in page.tags)
    markdown = verdict_markdown(summary, hostile, {})
    assert "<script" not in markdown


def test_markdown_links_to_served_pages_and_shows_other_places_as_text(evidence):
    places = {"Verdict": "http://127.0.0.1:4300/verdict.html", "Data Docs": "file:///w/index.html"}
    text = verdict_markdown(make_summary(refused=True), changed(evidence, make_change("warning")), places)
    assert "[Verdict](http://127.0.0.1:4300/verdict.html)" in text
    assert "`file:///w/index.html`" in text
    assert text.startswith("**Refused")
    assert "| no_duplicates_across_splits | quarantine | warning | critical |" in text
    assert "812 former images that are gone" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for lines in tables:
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {lines[0].count("|")}


def test_a_report_shows_its_verdicts_pictures_and_brings_its_lists(evidence, tmp_path):
    verdict = tmp_path / "verdict"
    render(make_summary(), changed(evidence, make_change("warning")), verdict)
    results = make_results(tmp_path, trained=1, data=make_summary(), changes=(make_change("warning"),))
    render_report(results, tmp_path / "out", ReportSources(verdict=verdict))
    page = PageReader((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "train/sad/17.jpg" in [attributes.get("alt") for tag, attributes in page.tags if tag == "img"]
    assert page.cells("changes", "few_images_removed")[1] == "warning"
    assert (tmp_path / "out" / "quarantine.csv").read_bytes() == (verdict / "quarantine.csv").read_bytes()
    assert "812 former images" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("severity", "level"), [("warning", "warning"), ("critical", "critical")])
def test_a_report_warns_of_what_changed(tmp_path, severity, level):
    quiet = make_results(tmp_path / "a", trained=1, changes=(make_change("info", success=True),))
    assert not any("last accepted" in caution.text for caution in cautions(quiet))
    warned = make_results(tmp_path / "b", trained=1, changes=(make_change(severity),))
    (caution,) = [caution for caution in cautions(warned) if "last accepted" in caution.text]
    assert caution.level == level and "812 former images" in caution.text


def test_votes_are_shown_as_sentences_and_by_class(evidence, tmp_path):
    manifest = make_manifest([("train", "sad", number) for number in range(4)])
    manifest["votes"] = [[0.0, 3, 7, 0, 0, 0, 0], [0.0, 6, 3, 0, 0, 1, 0], [0.0, 4, 4, 0, 2, 0, 0], None]
    match = VotesMatch(
        matched_by="path",
        columns={"<i>anger": "other"},
        rows=4,
        unmatched_rows=1,
        unmatched_examples=("train/<b>.jpg",),
        matched_images=3,
        images_without=1,
    )
    crowd = describe_crowd(manifest, CLASSES)
    summary = make_summary().model_copy(update={"votes": match, "crowd": crowd})
    page = render(summary, evidence, tmp_path)
    text = " ".join(page.text.split())
    assert "the choice of the crowd for 2 of 3 images (66.7%)" in text
    assert "1 name no image, such as train/<b>.jpg" in text and "<i>anger count as other" in text
    assert page.cells("votes", "sad")[:7] == ["sad", "3", "66.7%", "neutral 33.3%", "2", "33.3%", "33.3%"]
    markdown = verdict_markdown(summary, evidence, {})
    assert "| sad | 3 | 66.7% | neutral 33.3% |" in markdown


def test_without_votes_the_page_has_no_such_part(evidence, tmp_path):
    assert "votes" not in render(make_summary(), evidence, tmp_path).tables
