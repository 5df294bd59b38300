"""Report section on accuracies by what people chose, or on the ceiling that the label audit implies."""

from typing import Any

from data.records.run import RunResults
from data.records.truths import TRUTH_WORDS, PeopleScore, PeopleScores, Rate
from reports.common.formatting import MISSING, number, percent, percent_range, plural
from reports.common.markdown_text import escape_text, markdown_table
from reports.run.sources import ReportSources

ANCHOR, TITLE = "people", "By people"

COLUMNS = ("published", "crowd", "weighted", "clear")


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows; nothing without votes and without an audit."""
    analysis = results.analysis
    people = analysis.people if analysis else None
    if analysis is None or people is None:
        sentences = describe_ceiling(analysis.unsuspected) if analysis else []
        return {"people": None, "people_sentences": sentences} if sentences else {}
    return {
        "people": people,
        "people_sentences": describe_people(people, results),
        "people_rows": [(score.name, [getattr(score, column) for column in COLUMNS]) for score in list_scores(people)],
        "people_recalls": [*people.variants, people.labels],
    }


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none without votes and without an audit."""
    shown = context(results, sources)
    if not shown:
        return []
    lines = ["## By people", "", escape_text(" ".join(shown["people_sentences"])), ""]
    people: PeopleScores | None = shown["people"]
    if people is None:
        return lines
    header = [f"{name} ({number(getattr(people.labels, name).images)})" for name in COLUMNS]
    rows = [[score.name, *(_cell(getattr(score, name)) for name in COLUMNS)] for score in list_scores(people)]
    lines += markdown_table(["answers of", *header], rows)
    header = [
        f"{name} ({number(rate.images)})" for name, rate in zip(results.classes, people.labels.recalls, strict=True)
    ]
    rows = [[score.name, *map(_cell, score.recalls)] for score in (*people.variants, people.labels)]
    return [
        *lines,
        "Recall of each class by the choice of the crowd:",
        "",
        *markdown_table(["answers of", *header], rows),
    ]


def list_scores(people: PeopleScores) -> list[PeopleScore]:
    """List the rows of the table: the variants, then the published labels and one person, to compare with."""
    return [*people.variants, people.labels, people.person]


def describe_people(people: PeopleScores, results: RunResults) -> list[str]:
    """Say what the columns mean and what the last rows are for."""
    voted, every = people.labels.crowd.images, people.labels.published.images
    relabel = results.data.relabel
    answered = relabel.votes_replaced if relabel else 0
    alone = f"Of {plural(answered, 'image')} of the data set, an answer in relabel.csv is the only vote."
    return [
        f"On average {number(people.people, 1)} people were asked about each of {voted:,} of the {every:,} validation "
        "images. Crowd: the class that most of them chose.",
        *([alone] if answered else []),
        "Weighted: which share of those who chose a class chose the answer; no answers reach more than "
        f"{percent(people.best_weighted)}. Clear: images on which at least 7 of 10 agree.",
        "One person is compared with all others, each in turn: that is how often somebody is right who answers as "
        "people do.",
        f"Ranking, decision and slices of this run follow {TRUTH_WORDS[results.truth]}.",
    ]


def describe_ceiling(unsuspected: Rate | None) -> list[str]:
    """Say what the label audit implies for the ceiling, as an interval; nothing without images."""
    if unsuspected is None or not unsuspected.images:
        return []
    return [
        "There are no votes of people for the validation images. The label audit suspects "
        f"{percent(1 - unsuspected.rate)} of their labels: if it is right, true answers agree with the published "
        f"labels on {percent_range(unsuspected.low, unsuspected.high)}% of the images (95% interval)."
    ]


def _cell(rate: Rate) -> str:
    return f"{percent(rate.rate)} ({percent_range(rate.low, rate.high)})" if rate.images else MISSING
