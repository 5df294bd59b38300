"""Page on the scores of a source of photos, and the rows of its tables; it shows no photo."""

from pathlib import Path

from data.records.scores import ClassCount, ScoreCounts, ScoreDrift, ScoreSummary
from data.records.truths import judged_by
from reports.common.formatting import MISSING, number, percent, percent_range, plural, probability_value
from reports.common.templates import make_environment

SCORES_PAGE = "index.html"

PHOTO_OUTCOMES = {
    "faces": "faces were found",
    "given": "a cropped face already",
    "no_face": "no face",
    "unreadable": "damaged, or of an unknown kind",
    "unavailable": "could not be reached",
    "too_large": "beyond the limit of size",
}

FACE_OUTCOMES = {
    "scored": "with an answer",
    "too_small": "too small",
    "cut_off": "mostly outside the photo",
    "turned_away": "seen from the side",
}

LEVELS = {"none": "as trained", "small": "too few faces to tell", "warning": "moved", "critical": "moved far"}


def render_scores_page(summary: ScoreSummary) -> str:
    """Render the page on the scores of a source.

    Args:
        summary: of the last finished run.

    Returns:
        HTML that needs no other file.
    """
    context = {
        "summary": summary,
        "sentences": score_sentences(summary),
        "counts": count_rows(summary),
        "classes": [class_row(one) for one in summary.newest.classes],
        "drift": drift_rows(summary.drift),
        "drift_sentence": drift_sentence(summary.drift),
    }
    return make_environment().get_template("scores/page.html").render(context)


def write_scores_page(summary: ScoreSummary, directory: Path) -> Path:
    """Write the page into a directory, and return its path; it appears as a whole."""
    page, temporary = directory / SCORES_PAGE, directory / f".{SCORES_PAGE}.writing"
    temporary.write_text(render_scores_page(summary), encoding="utf-8")
    temporary.replace(page)
    return page


def score_sentences(summary: ScoreSummary) -> list[str]:
    """Say what the last run scored, how much is uncertain, and how good the network is."""
    newest, answers = summary.newest, summary.newest.scored
    said = [f"{plural(summary.scored_now, 'photo')} new or changed, {plural(summary.total.photos, 'photo')} in all."]
    if summary.threshold is None:
        said.append("The network has no threshold, so no answer is called uncertain.")
    elif answers:
        interval = percent_range(newest.uncertain_low, newest.uncertain_high)
        said.append(
            f"Of the {plural(answers, 'answer')} on the newest photos, {percent(newest.uncertain / answers)} are "
            f"uncertain (95 % interval: {interval})."
        )
    range_95 = percent_range(summary.accuracy_low, summary.accuracy_high)
    said.append(
        f"{summary.version} ({summary.variant}) is right on {percent(summary.accuracy)} of its validation "
        f"images{judged_by(summary.truth, ', ')} (95 % interval: {range_95})."
    )
    return said


def count_rows(summary: ScoreSummary) -> list[dict[str, str]]:
    """List what was counted, for the newest photos and for all: photos, faces, and their outcomes."""
    newest, total = summary.newest, summary.total
    rows = [("photos", newest.photos, total.photos)]
    rows += _outcome_rows("photos", PHOTO_OUTCOMES, newest.outcomes, total.outcomes)
    rows.append(("faces", newest.faces, total.faces))
    rows += _outcome_rows("faces", FACE_OUTCOMES, newest.face_outcomes, total.face_outcomes)
    rows.append(("uncertain answers", newest.uncertain, total.uncertain))
    rows += [(f"class {one.label}", _faces_of(newest, one.label), one.faces) for one in total.classes]
    return [{"what": what, "newest": number(new), "all": number(every)} for what, new, every in rows]


def _outcome_rows(
    noun: str, words: dict[str, str], newest: dict[str, int], total: dict[str, int]
) -> list[tuple[str, int, int]]:
    return [(f"{noun}: {text}", newest.get(name, 0), total[name]) for name, text in words.items() if name in total]


def _faces_of(counts: ScoreCounts, label: str) -> int:
    return next((one.faces for one in counts.classes if one.label == label), 0)


def class_row(one: ClassCount) -> dict[str, str]:
    """Describe the faces of a class: how many, their share with its interval, and how many are uncertain."""
    return {
        "class": one.label,
        "faces": number(one.faces),
        "share": percent(one.share) if one.faces or one.high < 1 else MISSING,
        "95 % interval": percent_range(one.low, one.high),
        "uncertain": number(one.uncertain),
    }


def drift_rows(drift: ScoreDrift) -> list[dict[str, str]]:
    """List the measures of the newest faces beside those of the train images."""
    return [
        {
            "measure": one.measure.replace("_", " "),
            "median trained": number(one.trained, 2),
            "median scored": number(one.scored, 2),
            "KS at least": number(one.distance, 2),
            "p (Holm)": probability_value(one.p_value),
            "judgement": LEVELS[one.level],
        }
        for one in drift.measures
    ]


def drift_sentence(drift: ScoreDrift) -> str:
    """Say whether the newest faces look as the images that the network was trained on."""
    if drift.reason:
        return f"The faces were not compared with the images that the network was trained on: {drift.reason}."
    moved = [one.measure.replace("_", " ") for one in drift.measures if one.level in ("warning", "critical")]
    compared = f"{plural(drift.faces, 'face')} compared with {plural(drift.images, 'train image')}"
    if moved:
        return f"{compared}: {', '.join(moved)} moved, so the network may be less accurate here than on validation."
    if drift.level == "small":
        return f"{compared}: too few to tell."
    return f"{compared}: no measure moved beyond its limit."
