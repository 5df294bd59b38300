"""Datasheet of a data set: answers to the questions of "Datasheets for Datasets", as Markdown.

The pipeline fills in what it measures. What only people know comes from `DatasheetFacts`; an answer that nobody gave
is shown as not known, so that gaps are visible.

Source: Gebru et al., "Datasheets for Datasets", Communications of the ACM 64 (12), 2021; its sections, with the
questions in our words.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field

from data.base.markdown import one_line, table_lines
from data.base.record import Record
from data.records.dataset import DataSummary, Verdict
from data.votes.wording import TABLE_HEAD, TABLE_NOTE, crowd_sentences, crowd_table, match_sentence

NOT_KNOWN = "Not known."

Answers = list[tuple[str, str]]
"""Questions and answers of one section."""


class DatasheetFacts(Record):
    """Facts about a data set that no program can measure, only people know; an empty answer is shown as not known."""

    title: str = Field(
        default="Facial expressions, 48x48 gray", min_length=1, description="what the data set is called"
    )
    identity: str = Field(default="", description="checksum or key that tells this edition from another")
    purpose: str = Field(default="", description="what it was made for")
    creators: str = Field(default="", description="who made it, and on whose behalf")
    funding: str = Field(default="", description="who paid for it")
    sampling: str = Field(default="", description="what larger set it was drawn from, and how")
    people: str = Field(default="", description="who is shown, and whether they can be identified")
    offensive_content: str = Field(default="", description="what may upset or harm")
    acquisition: str = Field(default="", description="how and when the images were obtained")
    labelling: str = Field(default="", description="who gave the labels, and by what instruction")
    consent: str = Field(default="", description="whether those shown agreed, and can take it back")
    ethical_review: str = Field(default="", description="who reviewed it")
    earlier_preprocessing: str = Field(default="", description="what was done to the images before they were published")
    raw_data: str = Field(default="", description="where the unprocessed images are")
    earlier_uses: str = Field(default="", description="what it has been used for")
    distribution: str = Field(default="", description="how it is handed on, and to whom")
    licence: str = Field(default="", description="terms of use")
    maintainer: str = Field(default="", description="who looks after it, and how to reach them")
    updates: str = Field(default="", description="how errors are corrected and editions announced")


SAMPLE_FACTS = DatasheetFacts(
    title="Generated sample of facial expressions, 48x48 gray",
    purpose="To show and test the pipeline without any download.",
    creators="Drawn by this project's own program.",
    funding="None.",
    sampling="Not a sample of anything: every face is drawn from random parameters with a fixed seed.",
    people="Nobody: no photograph was used.",
    offensive_content="None.",
    acquisition="Generated on the machine that ran the pipeline.",
    labelling="The label is the expression that was drawn; some files are mislabelled on purpose.",
    consent="Does not apply: nobody is shown.",
    ethical_review="Does not apply: nobody is shown.",
    earlier_preprocessing="None.",
    raw_data="Does not apply: the program and its seed give every image again.",
    earlier_uses="This project's tests and first runs.",
    distribution="Not distributed: it is generated where it is needed.",
    licence="The project's own.",
    maintainer="This project.",
    updates="With the project; its changelog names them.",
)
"""Known facts about the sample data set."""

FER2013_FACTS = DatasheetFacts(
    title="Faces of FER2013, four of its seven classes, 48x48 gray",
    purpose="A contest on recognising facial expressions at the ICML 2013 workshop on representation learning.",
    creators="Pierre-Luc Carrier and Aaron Courville, in their research project.",
    sampling="Four of the seven classes of FER2013 (35,887 images). How they were divided into splits is not known.",
    people="People whose pictures a web search found. They are not named; a face may still be recognised.",
    acquisition=(
        "Found by an image search on the web with 184 words for emotions, combined with words on gender, age and "
        "ethnicity. Faces were found by a detector and cropped."
    ),
    labelling=(
        "The word that found the image; people then rejected wrong ones. One of the authors measured 65 (+-5) % human "
        "accuracy on the seven classes, so that many labels are doubtful."
    ),
    consent="The paper does not mention that those shown were asked.",
    earlier_preprocessing=(
        "People corrected the crops and took out some of the duplicates; crops were resized to 48x48 and made gray."
    ),
    earlier_uses="A common benchmark of expression recognition since 2013.",
)
"""Facts about FER2013 from its paper, for data sets that were made from it.

Source: Goodfellow et al., "Challenges in Representation Learning: A report on three machine learning contests", 2013.
"""


def write_datasheet(summary: DataSummary, facts: DatasheetFacts, out: Path) -> None:
    """Write the datasheet of a judged data set.

    Args:
        summary: what the pipeline measured.
        facts: what people know, such as `SAMPLE_FACTS`.
        out: the Markdown file; its folder must exist.
    """
    out.write_text(render_datasheet(summary, facts), encoding="utf-8")


def render_datasheet(summary: DataSummary, facts: DatasheetFacts) -> str:
    """Return the datasheet of a judged data set as Markdown."""
    sections = {
        "Motivation": _motivation(facts),
        "Composition": _composition(summary, facts),
        "Collection": _collection(facts),
        "Preprocessing, cleaning and labels": _preprocessing(summary, facts),
        "Uses": _uses(summary, facts),
        "Distribution": [("How is it handed on?", facts.distribution), ("Under what terms?", facts.licence)],
        "Maintenance": [("Who looks after it?", facts.maintainer), ("How is it corrected?", facts.updates)],
    }
    paragraphs = [
        f"# Datasheet: {one_line(facts.title)}",
        "After Gebru et al. (2021). Figures are measured by the pipeline; the rest is what people told it.",
    ]
    for title, answers in sections.items():
        paragraphs.append(f"## {title}")
        paragraphs += [f"**{question}**\n\n{answer.strip() or NOT_KNOWN}" for question, answer in answers]
    return "\n\n".join(paragraphs) + "\n"


def _motivation(facts: DatasheetFacts) -> Answers:
    return [
        ("What was it made for?", facts.purpose),
        ("Who made it?", facts.creators),
        ("Who paid for it?", facts.funding),
    ]


def _composition(summary: DataSummary, facts: DatasheetFacts) -> Answers:
    kind = "Faces drawn by a program" if summary.synthetic else "Images of faces"
    shape = summary.data_format
    labels = ", ".join(shape.labels)
    return [
        (
            "What does one instance show?",
            f"{kind}, {shape.size} {'gray' if shape.channels == 1 else 'RGB'} pixels, each with one label: {labels}.",
        ),
        ("Which edition is this?", f"Source: {one_line(summary.source)}. {facts.identity}"),
        ("How many are there, as published?", _count_table(summary.counts_published, summary.data_format.labels)),
        ("Is it a sample of a larger set?", facts.sampling),
        ("How is it divided?", _describe_parts(summary)),
        ("What errors, noise and repetitions are there?", _describe_errors(summary)),
        ("Does it show people, and can they be identified?", facts.people),
        ("May it upset or harm?", facts.offensive_content),
    ]


def _collection(facts: DatasheetFacts) -> Answers:
    return [
        ("How were the images obtained?", facts.acquisition),
        ("Did those shown consent?", facts.consent),
        ("Was it reviewed?", facts.ethical_review),
    ]


def _preprocessing(summary: DataSummary, facts: DatasheetFacts) -> Answers:
    return [
        ("What had been done before it was published?", facts.earlier_preprocessing),
        ("Who gave the labels?", facts.labelling),
        *_describe_votes(summary),
        ("What did the pipeline set aside?", _describe_quarantine(summary)),
        ("What is left, by part?", _count_table(summary.counts_used, summary.data_format.labels)),
        ("Are the unprocessed images kept?", facts.raw_data),
    ]


def _uses(summary: DataSummary, facts: DatasheetFacts) -> Answers:
    limits = (
        "Nothing that decides about people: an expression does not reliably tell what a person feels (Barrett et al., "
        "2019), and how well models do for different groups of people cannot be told from this data."
    )
    drawn = " Figures on drawn faces say nothing of real ones." if summary.synthetic else ""
    return [
        ("What has it been used for?", facts.earlier_uses),
        ("What is it used for here?", "Training and comparing classifiers of facial expressions."),
        ("What should it not be used for?", limits + drawn),
    ]


def _describe_parts(summary: DataSummary) -> str:
    parts = ", ".join(summary.counts_published)
    carved = "The pipeline carves `selection` from train, which chooses epochs and scores nothing."
    return f"As published into {parts}. {carved}"


def _describe_errors(summary: DataSummary) -> str:
    counts = {
        "Groups of images with equal pixels": summary.duplicate_groups,
        "Of these, groups across splits": summary.duplicate_groups_across_splits,
        "Train images that also stand in validation or test": summary.leaking_train_images,
        "Images whose pixels stand under two or more labels": summary.label_conflict_images,
        "Blank images": summary.blank_images,
        "Files that cannot be decoded": summary.undecodable_images,
    }
    table = _table(("Found", "Count"), [(name, f"{count:,}") for name, count in counts.items()])
    return f"{table}\n\n{_describe_breaches(summary.before)}"


def _describe_breaches(verdict: Verdict) -> str:
    breaches = [
        f"- {finding.severity}: {one_line(finding.message)}" for finding in verdict.findings if not finding.success
    ]
    if not breaches:
        return f"All {len(verdict.findings)} rules passed." if verdict.findings else "No rule was checked."
    return f"{len(breaches)} of {len(verdict.findings)} rules were broken:\n\n" + "\n".join(breaches)


def _describe_quarantine(summary: DataSummary) -> str:
    if not summary.quarantine:
        return "Nothing."
    rows = [(count.reason, f"{count.images:,}") for count in summary.quarantine]
    return _table(("Reason", "Images"), rows) + "\n\nAn image with two reasons is counted under both."


def _describe_votes(summary: DataSummary) -> Answers:
    """Say how well people agree on the labels, where several voted."""
    if summary.votes is None or summary.crowd is None:
        return []
    said = " ".join((*crowd_sentences(summary.crowd), one_line(match_sentence(summary.votes))))
    return [
        (
            "Do people agree on the labels?",
            f"{said}\n\n{_table(TABLE_HEAD, crowd_table(summary.crowd))}\n\n{TABLE_NOTE}",
        )
    ]


def _count_table(counts: Mapping[str, Mapping[str, int]], classes: Iterable[str]) -> str:
    if not counts:
        return "None."
    labels = list(dict.fromkeys([*classes, *(label for row in counts.values() for label in row)]))
    rows = [
        (part or "(none)", *(f"{row.get(label, 0):,}" for label in labels), f"{sum(row.values()):,}")
        for part, row in counts.items()
    ]
    return _table(("", *(label or "(none)" for label in labels), "total"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table whose first column is text and whose others are figures."""
    cells = [[one_line(cell).replace("|", r"\|") for cell in row] for row in (head, *rows)]
    return "\n".join(table_lines(cells[0], cells[1:], range(1, len(cells[0]))))
