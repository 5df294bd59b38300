"""Report section on the questions that the notebook left open: each with its answer from this run."""

from typing import Any

from data.base.record import Record
from data.records.analysis import DISTINGUISHABLE_BELOW, PairAnswer, Topic
from data.records.run import RunResults
from data.records.training import VariantResult
from reports.common.formatting import join_names, percentage_points, plural, points_range, probability_value
from reports.common.markdown_text import escape_text
from reports.run.sources import ReportSources

ANCHOR, TITLE = "questions", "Questions"

QUESTIONS: dict[Topic, str] = {
    "colour": "Does RGB beat gray?",
    "frozen": "Does a frozen pretrained backbone beat a network made for these faces?",
    "fine-tuned": "Does a fine-tuned pretrained backbone beat a network made for these faces?",
    "fine-tuning": "Does fine-tuning beat the frozen backbone?",
    "augmentation": "Does augmentation help?",
    "depth": "Does a deeper network help?",
}

NOT_ASKED: dict[Topic, str] = {
    "colour": "Not asked in this run: it takes light_rgb and light, or cnn_rgb and cnn_gray.",
    "frozen": "Not asked in this run: it takes a frozen pretrained variant and one trained from nothing.",
    "fine-tuned": "Not asked in this run: it takes a fine-tuned variant and one trained from nothing.",
    "fine-tuning": "Not asked in this run: it takes the same backbone frozen and fine-tuned.",
    "augmentation": "Not asked in this run: it takes light and light_plain, which is trained without augmentation.",
    "depth": "Not asked in this run: it takes light and light_shallow, cnn_3 and cnn_2, or residual and compact.",
}


class AskedQuestion(Record):
    """A question with the answer of each pair of variants that can answer it."""

    question: str
    not_asked: str
    pairs: tuple[PairAnswer, ...]
    sentences: tuple[str, ...]


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"questions": list_questions(results)}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the section as lines of Markdown; none without an analysis."""
    asked = list_questions(results)
    lines = [
        f"- **{question.question}** {escape_text(' '.join(question.sentences) or question.not_asked)}"
        for question in asked
    ]
    return ["## Questions", "", *lines, ""] if asked else []


def list_questions(results: RunResults) -> list[AskedQuestion]:
    """List every question in order, also those that the run has no variants for; none without an analysis."""
    if results.analysis is None:
        return []
    answers = results.analysis.questions
    asked = []
    for topic, question in QUESTIONS.items():
        pairs = tuple(answer for answer in answers if answer.topic == topic)
        sentences = tuple(f"{answer_sentence(pair)}{_length_sentence(pair, results)}" for pair in pairs)
        asked.append(AskedQuestion(question=question, not_asked=NOT_ASKED[topic], pairs=pairs, sentences=sentences))
    return asked


def answer_sentence(answer: PairAnswer) -> str:
    """Word the comparison of one pair: which variant is better and by how much, or that neither is."""
    figures = (
        f"{percentage_points(answer.difference)} points of accuracy, 95% interval "
        f"{points_range(answer.low, answer.high)}, Holm p {probability_value(answer.p_holm)}"
    )
    if not answer.p_holm < DISTINGUISHABLE_BELOW:
        said = f"{answer.first} and {answer.second} are not distinguishable on these images ({figures})."
    elif answer.difference > 0:
        said = f"Yes: {answer.first} is better than {answer.second} ({figures})."
    else:
        said = f"No: {answer.first} is worse than {answer.second} ({figures})."
    if answer.recipe_differs:
        said += f" Their recipes differ too, in {join_names(list(answer.recipe_differs))}."
    return said


def _length_sentence(answer: PairAnswer, results: RunResults) -> str:
    """Tell how long both were trained if that may differ, as it does if a time budget ends trainings."""
    by_name = {variant.name: variant for variant in results.variants}
    pair = [by_name[name] for name in (answer.first, answer.second) if name in by_name and by_name[name].epochs]
    if len(pair) < 2:
        return ""
    partial = any(variant.epochs[-1].partial for variant in pair)
    if len(pair[0].epochs) == len(pair[1].epochs) and not partial:
        return ""
    ends = list(dict.fromkeys(variant.stopped_because for variant in pair))
    told = [f"{variant.name} for {_length(variant)}{_end(variant) if len(ends) > 1 else ''}" for variant in pair]
    both = f" (both ended by {ends[0]})" if len(ends) == 1 and ends[0] else ""
    return f" They need not have trained equally long, which may be part of it: {', '.join(told)}{both}."


def _length(variant: VariantResult) -> str:
    whole = sum(not record.partial for record in variant.epochs)
    if whole == len(variant.epochs):
        return plural(whole, "epoch")
    return f"{plural(whole, 'epoch')} and part of another" if whole else "part of an epoch"


def _end(variant: VariantResult) -> str:
    return f" (ended by {variant.stopped_because})" if variant.stopped_because else ""
