"""The sample is random, the same again after answers, and finds what was published and what was said."""

import pandas as pd
import pytest

from data.quality.label_corrections import CSV_COLUMNS, REMOVE, empty_answers
from models.analysis.label_sample import draw_sample
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES


@pytest.fixture
def manifest():
    rows = [("train", label, f"{label} {number}") for label in CLASSES for number in range(30)]
    return make_manifest([*rows, ("train", "sad", "sad 1")])


def answer(manifest, sample, answers):
    """Return the first images of the sample with these answers."""
    known = manifest.set_index("path").loc[list(sample.open)[: len(answers)]]
    rows = pd.DataFrame({"image_id": known.index, "label": known["label"], "pixel_sha256": known["pixel_sha256"]})
    return rows.assign(new_label=answers).reindex(columns=list(CSV_COLUMNS), fill_value="").reset_index(drop=True)


def test_as_many_pictures_of_each_label_are_drawn_and_none_twice(manifest):
    sample = draw_sample(manifest, empty_answers(), images=40)
    assert sample.table["label"].value_counts().to_dict() == dict.fromkeys(CLASSES, 10)
    assert not manifest.set_index("path").loc[list(sample.open), "pixel_sha256"].duplicated().any()
    assert sample.count(CLASSES) == ()


def test_few_images_are_all_drawn(manifest):
    assert len(draw_sample(manifest, empty_answers(), images=1000).open) == manifest["pixel_sha256"].nunique()


def test_the_draw_does_not_depend_on_the_order_of_the_images(manifest):
    again = draw_sample(manifest.sample(frac=1, random_state=3), empty_answers(), images=40)
    assert set(again.open) == set(draw_sample(manifest, empty_answers(), images=40).open)


def test_answers_are_found_by_the_pixels_and_counted_against_the_published_label(manifest):
    sample = draw_sample(manifest, empty_answers(), images=40)
    labels = sample.table["label"].iloc[:3].tolist()
    other = CLASSES[(CLASSES.index(labels[1]) + 1) % 4]
    answers = answer(manifest, sample, [labels[0], other, REMOVE])
    answered = draw_sample(manifest, answers, images=40)
    assert set(answered.table.index) == set(sample.table.index)
    assert len(answered.open) == 37
    counts = answered.count(CLASSES)
    assert (sum(one.answered for one in counts), sum(one.wrong for one in counts)) == (3, 2)


def test_a_corrected_label_is_taken_back_to_what_was_published(manifest):
    sample = draw_sample(manifest, empty_answers(), images=40)
    changed = sample.open[0]
    answers = answer(manifest, sample, ["surprise" if sample.table["label"].iloc[0] != "surprise" else "sad"])
    corrected = manifest["label"].mask(manifest["path"] == changed, answers["new_label"].iloc[0])
    again = draw_sample(manifest.assign(label=corrected), answers, images=40)
    assert set(again.table.index) == set(sample.table.index)
    assert again.table.loc[changed, "label"] == sample.table.loc[changed, "label"]
