"""Published counts: which data set is compared with which, and what is off."""

import pytest

from data.base.parts import SPLITS
from expectations.counts import NOTEBOOK_COUNTS, ExpectedCounts, choose_profile, count_images
from tests.support.image_tree import make_manifest
from tests.support.seed_format import CLASSES

SMALL = ExpectedCounts(name="a small set", images={"train": {"happy": 100, "sad": 10}}, tolerance=0.1)


def test_the_notebook_s_totals() -> None:
    assert NOTEBOOK_COUNTS.total_images() == {"train": 15_109, "validation": 4_977, "test": 128}
    assert list(NOTEBOOK_COUNTS.images) == list(SPLITS)
    assert all(list(labels) == list(CLASSES) for labels in NOTEBOOK_COUNTS.images.values())


@pytest.mark.parametrize(
    ("happy", "sad", "deviations"),
    [
        (100, 10, []),
        (90, 11, []),
        (89, 10, ["train/happy has 89 of 100"]),
        (111, 8, ["train/happy has 111 of 100", "train/sad has 8 of 10"]),
    ],
)
def test_counts_may_be_off_by_the_tolerance(happy: int, sad: int, deviations: list[str]) -> None:
    assert SMALL.find_deviations({"train": {"happy": happy, "sad": sad}}) == deviations


def test_a_missing_split_is_off_in_every_class() -> None:
    assert SMALL.find_deviations({"test": {"happy": 100}}) == ["train/happy has 0 of 100", "train/sad has 0 of 10"]


def test_an_incomplete_copy_is_recognised_and_another_set_is_not() -> None:
    whole = {split: dict(labels) for split, labels in NOTEBOOK_COUNTS.images.items()}
    assert choose_profile("recognise", whole) is NOTEBOOK_COUNTS
    whole["train"]["sad"] -= 300
    assert choose_profile("recognise", whole) is NOTEBOOK_COUNTS
    assert NOTEBOOK_COUNTS.find_deviations(whole) == ["train/sad has 3,682 of 3,982"]
    whole["train"]["surprise"] -= 400
    whole["validation"]["surprise"] = 0
    assert choose_profile("recognise", whole) is NOTEBOOK_COUNTS
    assert len(NOTEBOOK_COUNTS.find_deviations(whole)) == 3
    whole["test"] = dict.fromkeys(CLASSES, 16)
    assert choose_profile("recognise", whole) is None
    assert choose_profile("recognise", {split: dict.fromkeys(CLASSES, 100) for split in SPLITS}) is None
    assert choose_profile("notebook", {}) is NOTEBOOK_COUNTS
    assert choose_profile("none", NOTEBOOK_COUNTS.images) is None


def test_images_are_counted_in_the_order_of_the_vocabulary() -> None:
    rows = [("test", "sad"), ("extra", "sad"), ("train", "sad"), ("train", "happy"), ("train", "sad")]
    counts = count_images(make_manifest([(*row, str(number)) for number, row in enumerate(rows)]), "split")
    assert counts == {"train": {"happy": 1, "sad": 2}, "test": {"sad": 1}, "extra": {"sad": 1}}
    assert list(counts) == ["train", "test", "extra"]
