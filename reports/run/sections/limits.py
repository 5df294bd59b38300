"""Report section with the model card of the best variant: what it is, its uses, and its limits.

Source: Mitchell et al. (2019), "Model Cards for Model Reporting", which gives the headings.
"""

from typing import Any

from pydantic import Field

from data.base.record import Record
from data.records.run import RunResults
from data.records.training import VariantResult
from reports.common.formatting import join_names, number, percent, percent_range, plural
from reports.common.markdown_text import escape_text
from reports.run.sections.champion import OUTCOMES
from reports.run.slices import slice_sentence
from reports.run.sources import ReportSources
from reports.run.summary import best_variant

ANCHOR, TITLE = "limits", "Model card"

CITED = {
    "Mitchell et al., 2019": "Model Cards for Model Reporting. FAT* '19, 220-229, doi 10.1145/3287560.3287596",
    "Barrett et al., 2019": "Emotional Expressions Reconsidered: Challenges to Inferring Emotion From Human Facial "
    "Movements. Psychological Science in the Public Interest 20(1), 1-68, doi 10.1177/1529100619832930",
    "AI Act": "Regulation (EU) 2024/1689 of 13 June 2024, Articles 5(1)(f), 3(39), 50(3) and 113(a), and "
    "recital 44. Official Journal L, 2024/1689, 12 July 2024",
}
"""Short name of a source in the texts below -> the source."""


class CardPart(Record):
    """One heading of the card and its paragraphs."""

    heading: str
    paragraphs: tuple[str, ...] = Field(min_length=1)


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"card": model_card_parts(results), "card_sources": CITED}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write the card as lines of Markdown, one paragraph for each heading."""
    parts = [f"**{part.heading}.** {escape_text(' '.join(part.paragraphs))}" for part in model_card_parts(results)]
    return ["## Model card", "", *(line for part in parts for line in (part, ""))] if parts else []


def model_card_parts(results: RunResults) -> list[CardPart]:
    """List the parts of the card of the most accurate variant; none if no variant has an accuracy."""
    best = best_variant(results)
    if best is None:
        return []
    parts = {
        "Model details": _details(results, best),
        "Intended use": (
            f"To study how well small networks tell {join_names(list(results.classes))}, as labellers saw them, on a "
            f"{best.data_format.size} {best.data_format.colour} picture of one frontal face, to compare training "
            "recipes, and to teach.",
        ),
        "Must not be used for": _out_of_scope(best),
        "Factors": _factors(results, best),
        "Metrics": _metrics(results, best),
        "Data": _data(results),
        "Ethical considerations": (
            "A face does not reliably reveal what a person feels: people smile without joy, are sad without showing "
            "it, and differ by culture, situation and person in what they show (Barrett et al., 2019). So the model "
            "names an expression, never an emotion, and its answer is no evidence on anybody.",
            "Nobody in these pictures is known to have agreed to this use, and whom they show is not recorded.",
        ),
        "Caveats and recommendations": _caveats(results),
    }
    return [CardPart(heading=heading, paragraphs=paragraphs) for heading, paragraphs in parts.items()]


def _details(results: RunResults, best: VariantResult) -> tuple[str, ...]:
    key = f", training {best.training}" if best.training else ""
    status = f"{OUTCOMES[results.decision.outcome]}." if results.decision else "No decision was made on the champion."
    code = best.made_with.get("code", results.code_version)
    return (
        f"{best.name}{key}: {best.description.rstrip('.')}. {number(best.parameters_total)} parameters, code {code}, "
        f"seed {results.seed}, preset {results.preset}. {status}",
        f"It takes {best.data_format.colour} pixels from 0 to 255, {best.data_format.width} wide and "
        f"{best.data_format.height} high, and gives a probability for each class; all preprocessing is inside.",
    )


def _out_of_scope(best: VariantResult) -> tuple[str, ...]:
    unseen = "colour photographs, " if best.data_format.channels == 1 else ""
    return (
        "Inferring emotions of people at work or in education: placing on the market, putting into service or using an "
        "AI system for that is prohibited in the European Union, except for medical or safety reasons (AI Act, Article "
        "5(1)(f)), since 2 February 2025 (Article 113(a)). What the class names suggest does not change what a use is.",
        "Judging, selecting, ranking, monitoring or diagnosing people, lie detection, credit, policing, and any "
        "decision about a person. Elsewhere too, who uses emotion recognition must tell the people it is used on "
        "(AI Act, Article 50(3)); this is no legal advice.",
        f"Other pictures than it was judged on: children, {unseen}profiles, masks, video, low light.",
    )


def _factors(results: RunResults, best: VariantResult) -> tuple[str, ...]:
    recalls = {row.label: row.recall for row in best.parts["validation"].per_class if row.support}
    said = [f"{name} {percent(recall)}" for name, recall in recalls.items()]
    return (
        f"Recall of each class on validation: {join_names(said)}. {slice_sentence(results)}",
        "Age, gender, skin colour and origin are not recorded in the data, so how the accuracy differs between groups "
        "of people is unknown; that nothing is reported on it does not mean that there is no difference.",
    )


def _metrics(results: RunResults, best: VariantResult) -> tuple[str, ...]:
    scores, chosen = best.parts["validation"], results.best_of_many(best.name)
    kind = f"adjusted for being the best of {chosen.candidates}" if chosen else "for this variant alone"
    return (
        f"Accuracy {percent(scores.accuracy)} on {plural(scores.images, 'validation image')}, 95% interval "
        f"{percent_range(*results.accuracy_interval(best))}, {kind}; macro F1 "
        f"{number(scores.macro_f1, 3)}. Certainty and a threshold for refusing answers are under Calibration.",
    )


def _data(results: RunResults) -> tuple[str, ...]:
    used = {part: sum(counts.values()) for part, counts in results.data.counts_used.items()}
    parts = join_names([f"{count:,} of {part}" for part, count in used.items()])
    drawn = " They are drawn, not photographs." if results.data.synthetic else ""
    return (f"Images after cleaning: {parts}, from {results.data.source}.{drawn} Verdict and faults are under Data.",)


def _caveats(results: RunResults) -> tuple[str, ...]:
    rejection = results.analysis.rejection if results.analysis else None
    refuse = "Refuse what it is not certain of; " if rejection and rejection.threshold is not None else ""
    return (
        f"{refuse or 'Do not act on single answers; '}the labels themselves are uncertain, so part of its errors may "
        "be theirs. Judge it again on pictures of the place where it is to be used before anything depends on it.",
    )
