"""The section on what people chose: every truth beside the ceiling, or the interval that the label audit implies."""

import numpy as np
import pytest

from data.records.analysis import Analysis
from data.records.dataset import RelabelCounts
from data.records.promotion import Decision, ModelIdentity
from data.records.truths import PeopleScore, PeopleScores, Rate
from models.evaluation.truths import count_rate
from reports.run.markdown import render_markdown
from reports.run.page import render_page
from reports.run.sections.champion import decision_markdown
from reports.run.sections.people import context
from reports.run.sources import ReportSources
from tests.reports.run.test_page import PageReader
from tests.support.results_factory import make_results

SOURCES = ReportSources()
NOTHING = count_rate(np.zeros(0, bool))


def rate(value: float, images: int) -> Rate:
    return Rate(images=images, rate=value, low=value - 0.02, high=value + 0.02)


def score(name: str, crowd: float, recalls: bool = True) -> PeopleScore:
    return PeopleScore(
        name=name,
        published=rate(0.78, 4000),
        crowd=rate(crowd, 3900),
        weighted=rate(crowd - 0.1, 3900),
        clear=rate(crowd + 0.05, 2500),
        recalls=(*(rate(crowd - place / 100, 1000 - place) for place in range(3)), NOTHING) if recalls else (),
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    made = make_results(tmp_path_factory.mktemp("run"), trained=2)
    names = [variant.name for variant in made.variants[:2]]
    people = PeopleScores(
        people=9.98,
        variants=(score(names[0], 0.855), score(names[1], 0.81)),
        labels=score("published labels", 0.781),
        person=score("one person", 0.795, recalls=False),
        best_weighted=0.8213,
    )
    return made.model_copy(update={"analysis": Analysis(people=people), "truth": "crowd"})


def test_answers_of_a_person_are_said_to_be_votes_where_they_are(results):
    relabel = RelabelCounts(corrections=9, relabelled=5, removed=0, confirmed=4, copies=0, votes_replaced=7)
    data = results.data.model_copy(update={"relabel": relabel})
    words = "Of 7 images of the data set, an answer in relabel.csv is the only vote."
    assert words in render_markdown(results.model_copy(update={"data": data}))
    assert "relabel.csv is the only vote" not in render_markdown(results)


def test_every_truth_stands_beside_the_labels_and_one_person(results):
    page = PageReader(render_page(results))
    best = results.variants[0].name
    assert page.cells("truths", best)[1:] == [
        "78.0% 76.0 to 80.0",
        "85.5% 83.5 to 87.5",
        "75.5% 73.5 to 77.5",
        "90.5% 88.5 to 92.5",
    ]
    assert page.cells("truths", "one person")[2] == "79.5% 77.5 to 81.5"
    assert page.cells("truths", "answers of")[2:] == ["crowd (3,900) decides", "weighted (3,900)", "clear (2,500)"]
    assert page.cells("truth-recalls", "published labels")[1::3] == ["78.1% 76.1 to 80.1", "–"]
    assert "no answers reach more than 82.1%" in page.text
    assert "On average 10.0 people were asked about each of 3,900 of the 4,000 validation images" in page.text


def test_markdown_has_the_same_figures(results):
    text = render_markdown(results)
    assert "| published labels | 78.0% (76.0 to 80.0) | 78.1% (76.1 to 80.1) |" in text
    assert "| one person | 78.0% (76.0 to 80.0) | 79.5% (77.5 to 81.5) |" in text


def test_a_run_says_by_which_labels_it_judged(results):
    page = PageReader(render_page(results))
    assert "Judged by the choice of the crowd, not by the published labels" in page.text
    assert "validation images correctly by the choice of the crowd" in page.text
    usual = PageReader(render_page(results.model_copy(update={"truth": "published"})))
    assert "Judged by" not in usual.text and "follow the published labels" in usual.text


def test_a_decision_says_by_which_labels_it_was_made():
    challenger = ModelIdentity(variant="compact", key="k")
    decision = Decision(outcome="keep", challenger=challenger, candidates=1, images=9, criteria=(), summary="So.")
    assert "Judged" not in decision_markdown(decision)
    judged = decision.model_copy(update={"truth": "clear"})
    assert "Judged by the choice of the crowd, where at least 7 of 10 agree." in decision_markdown(judged)


def test_without_votes_the_audit_gives_an_interval(results):
    audited = results.model_copy(update={"analysis": Analysis(unsuspected=rate(0.875, 4000)), "truth": "published"})
    text = PageReader(render_page(audited)).text
    assert "suspects 12.5% of their labels" in text and "labels on 85.5 to 89.5% of the images" in text
    assert "labels on 85.5 to 89.5% of the images" in render_markdown(audited)


@pytest.mark.parametrize("analysis", [None, Analysis(), Analysis(unsuspected=NOTHING)])
def test_without_votes_and_audit_there_is_no_section(results, analysis):
    assert context(results.model_copy(update={"analysis": analysis}), SOURCES) == {}
