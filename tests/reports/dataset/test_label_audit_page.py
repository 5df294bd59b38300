"""The label audit in a report: what is said, which faces are shown under which suspicion, and the template."""

import base64
import io
import re

import numpy as np
import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from data.records.label_audit import Candidate, ExpectedPrecision, LabelAudit, SampleAnswers, Suspect
from reports.common import formatting
from reports.dataset.label_audit_page import (
    FACES_PER_ROW,
    audit_sentences,
    draw_suspect_sheets,
    load_audit,
    render_audit_markdown,
    suspect_rows,
)
from tests.support.seed_format import CLASSES

NOISE = ((0.9, 0.06, 0.03, 0.01), (0.04, 0.8, 0.15, 0.01), (0.02, 0.19, 0.77, 0.02), (0.02, 0.03, 0.03, 0.92))


def make_audit(**changes):
    """Return an audit of ten suspected sad faces, every third surprised, and a happy one, each face of its own gray."""
    sad = [
        Suspect(
            image_id=f"validation/sad/{number}.jpg",
            label="sad",
            suggested_label="surprise" if number % 3 == 2 else "neutral",
            suspicion=0.99 - number / 100,
        )
        for number in range(15)
    ]
    happy = Suspect(image_id="test/happy/3.jpg", label="happy", suggested_label="sad", suspicion=0.6)
    fields = {
        "audited_by": ("compact", "cnn_gray"),
        "images": 1000,
        "agreement": 0.76,
        "images_per_class": (250, 250, 250, 250),
        "suspected_per_class": (1, 0, 15, 0),
        "noise": NOISE,
        "suspects": (*sad, happy),
    }
    return LabelAudit(**{**fields, **changes})


def nothing_audited():
    nothing = {"images_per_class": (0,) * 4, "suspected_per_class": (0,) * 4, "noise": (), "suspects": ()}
    reason = "no variant is better than chance on selection"
    return make_audit(audited_by=(), images=0, agreement=0, reason=reason, **nothing)


def gray_faces(audit):
    """Return faces whose gray level is ten times their suspect's rank."""
    levels = 10 * np.arange(len(audit.suspects), dtype=np.uint8)
    return np.broadcast_to(levels[:, None, None], (len(levels), 48, 48)).copy()


def decode(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))))


@pytest.fixture
def stored(tmp_path):
    audit = make_audit()
    (tmp_path / "audit.json").write_text(audit.model_dump_json())
    ids = np.array([suspect.image_id for suspect in audit.suspects])
    np.savez(tmp_path / "pictures.npz", images=gray_faces(audit), image_ids=ids)
    return tmp_path


def test_faces_stand_under_their_suspicion_the_worst_first():
    audit = make_audit()
    ids = [suspect.image_id for suspect in audit.suspects]
    sheets = draw_suspect_sheets(audit, gray_faces(audit), ids, CLASSES)
    assert [sheet.label for sheet in sheets] == list(CLASSES)
    assert [(s.suggested_label, s.faces) for s in sheets[2].strips] == [("neutral", 10), ("surprise", 5)]
    neutral, surprise = (decode(strip.picture) for strip in sheets[2].strips)
    assert neutral.shape == (2 * 48, FACES_PER_ROW * 48, 2)
    assert neutral[0, ::48, 0].tolist() == [0, 10, 30, 40, 60, 70, 90, 100]
    assert neutral[48, ::48, 0].tolist()[:2] == [120, 130]
    assert neutral[48, ::48, 1].tolist() == [255, 255, *[0] * 6]
    assert surprise[0, ::48, 0].tolist() == [20, 50, 80, 110, 140]
    assert sheets[2].strips[1].width == pytest.approx(5 / FACES_PER_ROW)
    assert (sheets[2].strips[0].highest, sheets[2].strips[0].lowest) == pytest.approx((0.99, 0.86))
    assert sheets[1].strips == ()


def test_only_faces_that_were_kept_are_drawn_and_all_are_counted():
    audit = make_audit()
    sheets = draw_suspect_sheets(
        audit, gray_faces(audit)[:2], ["validation/sad/0.jpg", "validation/sad/1.jpg"], CLASSES
    )
    assert [strip.faces for strip in sheets[2].strips] == [2]
    assert sheets[2].suspected == 15


def test_sentences_suspect_and_name_who_suspects():
    text = " ".join(audit_sentences(make_audit()))
    assert "16 of 1,000 held-out images (1.6%) are suspected" in text
    assert "the mean of compact and cnn_gray" in text
    assert "76.0% of the labels" in text
    assert "the variant compact" in " ".join(audit_sentences(make_audit(audited_by=("compact",))))


def test_markdown_has_noise_counts_and_suspects():
    text = render_audit_markdown(make_audit(), CLASSES)
    assert "| sad | 2.0% | 19.0% | 77.0% | 2.0% |" in text
    assert "| sad | 15 | 250 |" in text
    assert "| validation/sad/0.jpg | sad | neutral | 0.990 |" in text


def test_rows_are_limited_and_readable():
    (first, *_) = make_audit().suspects
    candidates = (Candidate(label="neutral", probability=0.617), Candidate(label="sad", probability=0.3))
    assert suspect_rows(make_audit(suspects=(first.model_copy(update={"candidates": candidates}),)), 1) == [
        {
            "image": "validation/sad/0.jpg",
            "label": "sad",
            "suspected": "neutral",
            "suspicion": "0.990",
            "candidates": "neutral 61.7%, sad 30.0%",
        }
    ]


def test_a_sample_is_asked_for_until_its_answers_say_how_many_suspects_are_wrong():
    asked = " ".join(audit_sentences(make_audit(sample=("train/sad/1.jpg", "train/sad/2.jpg"))))
    assert "fill in new_label in sample.csv, 2 images drawn at random, and audit again with --answers" in asked
    answers = (SampleAnswers(label="happy", answered=50, wrong=4), SampleAnswers(label="sad", answered=50, wrong=26))
    expected = (
        ExpectedPrecision(first=200, share=0.91, low=0.82, high=0.96),
        ExpectedPrecision(first=3000, share=0.75, low=0.66, high=0.84),
    )
    known = " ".join(audit_sentences(make_audit(answers=answers, expected=expected)))
    assert "Of 100 labels drawn at random, a person called 30 wrong." in known
    assert "91.0% (82.0% to 96.0%) of the first 200 and 75.0% (66.0% to 84.0%) of the first 3,000 suspects" in known
    assert "sample.csv" not in known


def render(view):
    environment = Environment(
        loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update({name: getattr(formatting, name) for name in ("percent", "number", "plural")})
    return environment.get_template("dataset/label_audit.html").render(audit=view, classes=CLASSES)


def test_the_partial_shows_noise_and_every_strip(stored):
    page = render(load_audit(stored, CLASSES))
    assert len(re.findall("data:image/png", page)) == 3
    assert "77.0%" in page and "15 of 250 suspected" in page
    assert "suspected surprise, suspicion 0.97 to 0.85" in page
    assert page.count("No label of this class is suspected.") == 2


def test_an_audit_without_suspects_needs_no_pictures(tmp_path):
    audit = make_audit(suspects=(), suspected_per_class=(0,) * 4)
    (tmp_path / "audit.json").write_text(audit.model_dump_json())
    view = load_audit(tmp_path, CLASSES)
    assert view is not None
    assert [sheet.strips for sheet in view.sheets] == [()] * 4
    assert "The most suspicious" not in render_audit_markdown(audit, CLASSES)


def test_where_nothing_was_audited_every_form_says_so(tmp_path):
    audit = nothing_audited()
    (tmp_path / "audit.json").write_text(audit.model_dump_json())
    for text in (render(load_audit(tmp_path, CLASSES)), render_audit_markdown(audit, CLASSES)):
        assert "not audited: no variant is better than chance" in text
    assert suspect_rows(audit, 9) == []


def test_a_run_without_an_audit_has_none_to_show(tmp_path):
    assert load_audit(None, CLASSES) is None
    assert load_audit(tmp_path, CLASSES) is None


def test_no_form_calls_a_suspect_an_error(stored):
    view = load_audit(stored, CLASSES)
    assert view is not None
    for text in (render(view), render_audit_markdown(view.audit, CLASSES)):
        for wording in ("label error", "mislabel", "wrong label", "wrongly labelled"):
            assert wording not in text.lower()
