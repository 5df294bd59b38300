"""A data set of another format than the run was told is refused with the options to add."""

from pathlib import Path

import pandas as pd
import pytest

from data.base.data_format import DataFormat
from data.quality.cleaning import CleaningPolicy
from data.records.dataset import Finding
from data.sources.source import parse_source
from expectations.judge import Judgement, judge_data_set
from expectations.rules import DataRules
from tests.support.image_tree import make_manifest

CLASSES = ("no", "yes")


def make_set(**columns: object) -> pd.DataFrame:
    rows = [
        (split, label, f"{split}{label}{n}")
        for split in ("train", "validation")
        for label in CLASSES
        for n in range(30)
    ]
    return make_manifest(rows).assign(**columns)


def judge(manifest: pd.DataFrame, tmp_path: Path, **shape: object) -> Judgement:
    rules = DataRules(
        minimum_train_images=5,
        minimum_validation_images=5,
        data_format=DataFormat.model_validate({"labels": CLASSES, **shape}),
    )
    return judge_data_set(manifest, parse_source(str(tmp_path)), CleaningPolicy(), 1, rules)


def find(judgement: Judgement, rule: str) -> Finding:
    return next(one for one in judgement.summary.before.findings if one.rule == rule)


@pytest.mark.parametrize(
    ("rule", "columns", "options"),
    [
        ("known_labels", {"label": "maybe"}, "--labels auto"),
        ("image_size", {"width": 100, "height": 100}, "--image-size 100 .* or --image-size 48"),
        ("really_gray", {"gray": False}, "--color rgb .* or --color gray"),
    ],
)
def test_most_images_of_another_format_are_critical(
    tmp_path: Path, rule: str, columns: dict[str, object], options: str
) -> None:
    found = find(judge(make_set(**columns), tmp_path), rule)
    assert found.severity == "critical" and not found.success
    assert pd.Series(found.message).str.contains(options).all()


def test_single_images_of_another_format_are_not(tmp_path: Path) -> None:
    manifest = make_set()
    manifest.loc[0, "width"] = 100
    found = find(judge(manifest, tmp_path), "image_size")
    assert found.severity == "warning" and "--image-size" not in found.message


def test_what_the_format_says_to_convert_is_counted_and_used(tmp_path: Path) -> None:
    manifest = make_set(width=100, height=100, gray=False)
    manifest.loc[0, "converted"] = "turned upright, CMYK to RGB"
    judged = judge(manifest, tmp_path, resize=True, recolor=True)
    assert not judged.summary.before.failed("critical") and len(judged.clean) == len(manifest)
    assert find(judged, "converted").message == (
        "images are converted: turned upright 1, CMYK to RGB 1, resized to 48x48 120, colour to gray 120"
    )


def test_a_set_without_test_split_is_accepted_and_one_without_validation_is_not(tmp_path: Path) -> None:
    assert find(judge(make_set(), tmp_path), "each_class_in_each_split").success
    train = make_set()[lambda frame: frame["split"] == "train"]
    assert find(judge(train, tmp_path), "each_class_in_each_split").message == "the split validation is missing"
