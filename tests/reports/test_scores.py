"""The page on scores: its figures, and what it says of drift; it has no photo and no name of one."""

import re

import pytest

from data.records.scores import ClassCount, MeasureDrift, ScoreCounts, ScoreDrift, ScoreSummary
from reports.scores import count_rows, drift_sentence, render_scores_page, score_sentences


def make_counts(photos):
    return ScoreCounts(
        photos=photos,
        outcomes={"faces": photos - 1, "no_face": 1},
        faces=photos,
        face_outcomes={"scored": photos - 2, "too_small": 2},
        uncertain=4,
        uncertain_low=0.1,
        uncertain_high=0.3,
        classes=(
            ClassCount(label="happy", faces=photos - 5, uncertain=1, share=0.75, low=0.5, high=0.9),
            ClassCount(label="<sad>", faces=3, uncertain=3, share=0.25, low=0.1, high=0.5),
        ),
    )


def make_summary(**changed):
    measure = MeasureDrift(
        measure="edge_brightness", trained=1.0, scored=9.0, distance=0.3, p_value=0.0001, level="critical"
    )
    known = {
        "source": "/photos & more",
        "faces": "find",
        "version": "emotion/3",
        "variant": "compact",
        "accuracy": 0.6,
        "accuracy_low": 0.57,
        "accuracy_high": 0.63,
        "threshold": 0.5,
        "versions": {"emotion/2": 5, "emotion/3": 15},
        "finished": "2026-03-04T05:06:07+00:00",
        "scored_now": 12,
        "newest": make_counts(12),
        "newest_finished": "2026-03-04T05:06:07+00:00",
        "total": make_counts(20),
        "drift": ScoreDrift(dataset="91be04c7aa35de10", images=900, faces=10, measures=(measure,)),
        "first_part": "0001-000002.parquet",
        "last_part": "0001-000002.parquet",
        "parts": 2,
    }
    return ScoreSummary.model_validate(known | changed)


def test_the_page_has_the_figures_and_escapes_names():
    page = render_scores_page(make_summary())
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "12 photos new or changed, 20 photos in all." in text
    assert "Of the 10 answers on the newest photos, 40.0% are uncertain (95 % interval: 10.0 to 30.0)." in text
    assert "emotion/3 (compact) is right on 60.0% of its validation images (95 % interval: 57.0 to 63.0)." in text
    assert "edge brightness 1.00 9.00 0.30 &lt; 0.001 moved far" in text
    assert "emotion/2 5, emotion/3 15." in text
    assert "&lt;sad&gt;" in page and "<sad>" not in page and "/photos &amp; more" in page
    assert "<img" not in page and "<script" not in page


def test_the_rows_have_the_newest_beside_all():
    rows = {row["what"]: (row["newest"], row["all"]) for row in count_rows(make_summary())}
    assert rows["photos"] == ("12", "20")
    assert rows["photos: no face"] == ("1", "1")
    assert rows["faces: with an answer"] == ("10", "18")
    assert rows["class happy"] == ("7", "15")


def test_a_network_without_a_threshold_says_so():
    assert "no threshold" in " ".join(score_sentences(make_summary(threshold=None)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": "no face has an answer", "measures": ()}, "were not compared"),
        ({}, "edge brightness moved"),
        ({"level": "small"}, "too few to tell"),
        ({"level": "none"}, "no measure moved beyond its limit"),
    ],
)
def test_the_sentence_on_drift(changed, words):
    drift = make_summary().drift
    level = changed.pop("level", "critical")
    measures = tuple(one.model_copy(update={"level": level}) for one in drift.measures)
    assert words in drift_sentence(drift.model_copy(update={"measures": measures} | changed))


def test_a_page_without_any_photo_can_be_drawn():
    empty = ScoreCounts(classes=(ClassCount(label="happy", faces=0, uncertain=0, share=0, low=0, high=1),))
    page = render_scores_page(make_summary(newest=empty, total=empty, drift=ScoreDrift(reason="no face has an answer")))
    assert "0 photos in all" in page
