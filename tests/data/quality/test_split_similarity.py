"""Whether splits look alike: treated train parts are caught, sampling noise is not."""

import io
import math
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.manifest.decoding import unpack_hashes
from data.manifest.table import FEATURES, build_manifest
from data.quality import split_classifier
from data.quality.split_similarity import (
    SimilarityConfig,
    SplitComparison,
    SplitPair,
    compare_splits,
)
from data.sample.faces import draw_face
from tests.support.image_tree import make_manifest, write_image
from tests.support.seed_format import CLASSES

IMAGES_PER_CLASS = {"train": 45, "validation": 30}

Treatment = Callable[[Image.Image], Image.Image]
TREATMENTS: dict[str, tuple[Treatment, str]] = {
    "blurred": (lambda image: image.filter(ImageFilter.GaussianBlur(0.8)), "blurrier"),
    "equalised": (ImageOps.equalize, "in contrast"),
    "rescaled": (lambda image: image.resize((32, 32)).resize((48, 48)), "blurrier"),
    "cropped": (lambda image: image.crop((4, 4, 44, 44)).resize((48, 48)), "smoother"),
    "inverted": (ImageOps.invert, "light and dark areas are swapped"),
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree of generated faces."""
    root, random = tmp_path_factory.mktemp("faces"), np.random.default_rng(11)
    for split, images in IMAGES_PER_CLASS.items():
        for label in CLASSES:
            for number in range(images):
                write_image(root / split / label / f"{number}.jpg", draw_face(label, random))
    return root


@pytest.fixture(scope="module")
def manifest(faces: Path) -> pd.DataFrame:
    return build_manifest(faces)


def treat_train(faces: Path, manifest: pd.DataFrame, target: Path, treatment: Treatment) -> pd.DataFrame:
    """Return the manifest after a treatment of the train part, written as JPEG of the same quality."""
    for path in manifest.loc[manifest["split"] == "train", "path"]:
        write_image(target / path, np.asarray(treatment(Image.open(faces / path))))
    return pd.concat([build_manifest(target), manifest[manifest["split"] != "train"]], ignore_index=True)


def compare_two(manifest: pd.DataFrame, config: SimilarityConfig | None = None) -> SplitPair:
    """Return the only pair of a manifest of two splits."""
    comparison = compare_splits(manifest, config)
    if len(comparison.pairs) != 1:
        raise ValueError(f"{len(comparison.pairs)} pairs")
    return comparison.pairs[0]


def test_splits_of_one_source_are_alike(manifest: pd.DataFrame) -> None:
    comparison = compare_splits(manifest)
    pair = comparison.pairs[0]
    assert (pair.first, pair.second, pair.severity) == ("train", "validation", "info")
    assert pair.auc is not None and 0.4 < pair.auc < 0.6 and pair.layout_correlation > 0.8
    ordered = sorted(pair.differences, key=lambda difference: difference.p_value)
    stepped = [difference.p_value * (len(ordered) - place) for place, difference in enumerate(ordered)]
    expected = [min(1.0, max(stepped[: place + 1])) for place in range(len(stepped))]
    assert [difference.p_holm for difference in ordered] == pytest.approx(expected)
    assert len(pair.differences) == 10 * len(CLASSES)
    (finding,) = comparison.findings()
    assert finding.success and "train and validation look alike" in finding.message


@pytest.mark.parametrize("name", TREATMENTS)
def test_a_treated_train_part_is_critical_and_the_reason_is_given(
    faces: Path, manifest: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    treatment, reason = TREATMENTS[name]
    comparison = compare_splits(treat_train(faces, manifest, tmp_path, treatment))
    (finding,) = comparison.findings()
    pair = comparison.pairs[0]
    assert (finding.severity, finding.success) == ("critical", False)
    assert pair.auc is not None and pair.auc_low is not None and pair.auc >= pair.auc_low > 0.7
    assert reason in finding.message and "than validation" in finding.message and f"{pair.auc:.2f}" in finding.message
    assert (pair.layout_correlation < 0) == (name == "inverted")


def test_splits_that_differ_in_no_single_statistic_are_a_warning(manifest: pd.DataFrame) -> None:
    values = np.random.default_rng(0).normal(100, 10, len(manifest))
    other = np.where(manifest["split"] == "train", values, 200 - values)
    joint = manifest.assign(**dict.fromkeys(("mean", "sharpness", "noise", "bytes"), values))
    pair = compare_two(joint.assign(**dict.fromkeys(("entropy", "skewness", "edge_brightness", "blockiness"), other)))
    assert pair.severity == "warning" and pair.auc is not None and pair.auc > 0.8
    assert "though no single statistic differs" in pair.message


def test_examples_stand_side_by_side_with_one_class_each(faces: Path, manifest: pd.DataFrame, tmp_path: Path) -> None:
    pair = compare_two(treat_train(faces, manifest, tmp_path, ImageOps.equalize))
    assert len(pair.examples) == 2 * len(CLASSES)
    for first, second in pair.examples:
        assert first.startswith("train/") and second.startswith("validation/")
        assert first.split("/")[1] == second.split("/")[1]


def test_a_train_part_of_two_thirds_treated_images_is_caught(
    faces: Path, manifest: pd.DataFrame, tmp_path: Path
) -> None:
    treated = treat_train(faces, manifest, tmp_path, TREATMENTS["rescaled"][0])
    untouched = manifest["path"].str.extract(r"(\d+)", expand=False).astype(int) % 3 > 1
    mixed = pd.concat([treated, manifest[untouched & (manifest["split"] == "train")]])
    assert compare_two(mixed.drop_duplicates("path", keep="last")).severity == "critical"


def test_random_splits_are_never_critical(manifest: pd.DataFrame) -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        dealt = manifest.groupby("label")["split"].transform(lambda splits, r=random: r.permutation(splits))
        assert compare_two(manifest.assign(split=dealt)).severity == "info"


def test_another_mix_of_classes_is_no_difference(manifest: pd.DataFrame) -> None:
    number = manifest.groupby(["split", "label"]).cumcount()
    thinned = manifest[(manifest["split"] == "train") | (manifest["label"] != "surprise") | (number < 6)]
    pair = compare_two(thinned)
    assert pair.severity == "info"
    assert {difference.label for difference in pair.differences} == set(CLASSES) - {"surprise"}


def test_copies_do_not_let_the_classifier_recognise_a_split(manifest: pd.DataFrame) -> None:
    copied = pd.concat([manifest.assign(path=f"{n}/" + manifest["path"]) for n in range(4)], ignore_index=True)
    pair = compare_two(copied)
    assert pair.auc is not None and pair.auc < 0.65


def test_the_same_manifest_gives_the_same_comparison(manifest: pd.DataFrame) -> None:
    assert compare_splits(manifest) == compare_splits(manifest.copy())


def test_too_few_images_for_the_classifier_are_a_warning_at_most(
    faces: Path, manifest: pd.DataFrame, tmp_path: Path
) -> None:
    treated = treat_train(faces, manifest, tmp_path, ImageOps.equalize)
    pair = compare_two(treated, SimilarityConfig(minimum_drawn_images=200))
    assert (pair.severity, pair.auc, pair.examples) == ("warning", None, ())
    assert "too few images" in pair.message


def test_undecodable_and_misplaced_images_are_left_out(manifest: pd.DataFrame) -> None:
    stray = manifest.iloc[:1].assign(path="holdout/happy/0.jpg", split="holdout")
    broken = manifest.iloc[1:2].assign(path="train/happy/x.jpg", decodable=False, perceptual_hash="", noise=np.nan)
    assert compare_splits(pd.concat([manifest, stray, broken])) == compare_splits(manifest)


def test_one_split_alone_is_compared_with_nothing(manifest: pd.DataFrame) -> None:
    assert compare_splits(manifest[manifest["split"] == "train"]).pairs == ()
    assert compare_splits(manifest.assign(decodable=manifest["split"] == "train")).pairs == ()
    with pytest.raises(PipelineError, match="lacks the columns"):
        compare_splits(make_manifest([("train", "sad", "a")]).drop(columns="noise"))


def test_hashes_unpack_to_their_bits() -> None:
    hashes = pd.Series([str(imagehash.phash(Image.open(io.BytesIO(_encode(n))))) for n in range(3)])
    expected = [imagehash.hex_to_hash(text).hash.ravel() for text in hashes]
    assert (unpack_hashes(hashes) == np.array(expected)).all()


def test_limits_out_of_bounds_and_out_of_order_are_refused() -> None:
    for values in ({"critical_auc": 0.4}, {"limit": 1}, {"warning_auc": 0.9}, {"warning_distance": 0.5}):
        with pytest.raises(ValidationError):
            SimilarityConfig.model_validate(values)


def _encode(seed: int) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(draw_face("happy", np.random.default_rng(seed))).save(encoded, "PNG")
    return encoded.getvalue()


ALIKE_HASH = "f0" * 8


def make_two(images: int, hashes: tuple[str, str] = (ALIKE_HASH, ALIKE_HASH), different: int = 0) -> pd.DataFrame:
    """Return happy images of train and validation of which the first statistics differ and the others are equal."""
    manifest = make_manifest(
        (split, "happy", f"{split} {n}") for split in ("train", "validation") for n in range(images)
    )
    second = (manifest["split"] == "validation").to_numpy()
    number = np.arange(len(manifest)) % images
    manifest["perceptual_hash"] = np.where(second, hashes[1], hashes[0])
    return manifest.assign(**dict.fromkeys(FEATURES[:different], number + 1000 + 1000 * second))


def test_typicality_leaves_each_image_of_the_first_split_itself_out() -> None:
    manifest = make_two(5)
    manifest["perceptual_hash"] = ["f" * 16] * 4 + ["0" * 16] + ["f" * 16] * 3 + ["0" * 16] * 2
    pair = compare_two(manifest, SimilarityConfig(minimum_images=5))
    (difference,) = [difference for difference in pair.differences if difference.feature == "hash_typicality"]
    assert (difference.first_images, difference.second_images, difference.label) == (5, 5, "happy")
    assert difference.first_median == pytest.approx(3 / 4), "of the four others, three are equal"
    assert difference.second_median == pytest.approx(4 / 5)
    assert difference.distance == pytest.approx(0.6)  # (0, 3/4 x 4) against (1/5 x 2, 4/5 x 3), at 3/4
    assert difference.cliffs_delta == pytest.approx((8 - 17) / 25)


def test_a_statistic_is_compared_with_its_medians_distance_and_delta() -> None:
    manifest = make_two(5)
    manifest["noise"] = [1, 2, 3, 4, 5, 2, 4, 6, 8, 10]
    pair = compare_two(manifest, SimilarityConfig(minimum_images=5))
    difference = pair.differences[0]
    assert (difference.feature, difference.first_median, difference.second_median) == ("noise", 3, 6)
    assert difference.distance == pytest.approx(0.6)  # at 5: all of the first, two of the second
    assert difference.cliffs_delta == pytest.approx((4 - 19) / 25)
    assert 0.2 < difference.p_value < 0.4 and difference.p_holm == 1
    assert [d.distance for d in pair.differences] == [difference.distance] + [0.0] * 9


@pytest.mark.parametrize(("first", "second", "tests"), [(25, 25, 10), (24, 25, 0), (25, 24, 0)])
def test_a_class_is_compared_from_25_images_in_both_splits(first: int, second: int, tests: int) -> None:
    manifest = make_two(25)
    number = manifest.groupby("split").cumcount()
    few = manifest[number < np.where(manifest["split"] == "train", first, second)]
    assert len(compare_two(few).differences) == tests


def test_a_class_with_too_few_images_does_not_end_the_comparison() -> None:
    manifest = pd.concat([make_two(24), make_two(25).assign(label="sad")], ignore_index=True)
    assert {difference.label for difference in compare_two(manifest).differences} == {"sad"}


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the classifier be quick where only the limits of its figures matter."""
    monkeypatch.setattr(split_classifier, "TREES", 6)


def test_the_classifier_is_tried_from_80_images_of_each_split(few_trees: None) -> None:
    assert compare_two(make_two(79)).message == (
        "train and validation look alike: too few images to try to tell them apart"
    )
    tried = compare_two(make_two(80))
    assert tried.auc is not None and tried.message.startswith("train and validation look alike: AUC of telling them ")


FIGURES = tuple(
    f"median {name} 1,012 against 2,012 (happy)" for name in ("file size", "brightness", "contrast", "sharpness")
)


@pytest.mark.parametrize(
    ("different", "words"),
    [
        (1, "smaller in bytes"),
        (2, "smaller in bytes and darker"),
        (3, "smaller in bytes, darker and lower in contrast"),
        (4, "smaller in bytes, darker and lower in contrast"),
    ],
)
def test_up_to_three_reasons_are_given_with_their_figures(different: int, words: str) -> None:
    pair = compare_two(make_two(25, different=different))
    assert pair.severity == "warning"
    assert pair.message == (
        f"train is {words} than validation: {', '.join(FIGURES[:different][:3])}; "
        "too few images to try to tell them apart"
    )


def test_more_is_said_of_the_split_that_has_more_and_each_statistic_once() -> None:
    more = make_two(25, different=1).replace({"split": {"train": "validation", "validation": "train"}})
    both = pd.concat([more, more.assign(label="sad", bytes=1_500)], ignore_index=True)
    message = compare_two(both).message
    assert message.startswith("train is larger in bytes than validation: median file size 2,012 against 1,012 (happy);")
    both["bytes"] = np.where(both["split"] == "train", 2_000, 1_000)
    assert compare_two(both).message.count("file size") == 1


def hash_with(swapped: int, first_bit: bool) -> str:
    """Return `ALIKE_HASH` with so many bits after the first one swapped, and perhaps the first one too."""
    bits = int(ALIKE_HASH, 16) ^ ((1 << swapped) - 1) ^ (first_bit << 63)
    return f"{bits:016x}"


@pytest.mark.parametrize("first_bit", [False, True])
@pytest.mark.parametrize(("swapped", "told"), [(0, False), (37, False), (38, True), (63, True)])
def test_swapped_light_and_dark_is_told_below_a_correlation_of_minus_a_fifth(
    swapped: int, told: bool, first_bit: bool
) -> None:
    pair = compare_two(make_two(25, (ALIKE_HASH, hash_with(swapped, first_bit)), different=1))
    assert pair.layout_correlation == pytest.approx((63 - 2 * swapped) / 63), "the first bit does not count"
    assert ("than validation: light and dark areas are swapped; median " in pair.message) == told


def test_layouts_without_any_tendency_have_no_correlation() -> None:
    manifest = make_two(26)
    manifest["perceptual_hash"] = np.where(np.arange(52) % 2, "f" * 16, "0" * 16)
    assert compare_two(manifest).layout_correlation == 0


SEPARATE = {"hashes": ("f" * 16, "0" * 16), "different": len(FEATURES)}
"""Splits that any statistic and any bit tells apart: distance, AUC and the ends of its interval are 1."""


@pytest.mark.parametrize(
    ("limits", "severity"),
    [
        ({}, "critical"),
        ({"critical_distance": 1}, "critical"),
        ({"critical_auc": 1}, "warning"),
        ({"critical_auc": 1, "warning_auc": 1}, "info"),
        ({"critical_auc": 1, "critical_distance": 1, "warning_distance": 1}, "warning"),
    ],
)
def test_an_area_has_to_be_above_its_limit_and_a_distance_at_it(
    few_trees: None, limits: dict[str, float], severity: str
) -> None:
    config = SimilarityConfig.model_validate({"minimum_drawn_images": 25, **limits})
    pair = compare_two(make_two(25, **SEPARATE), config)
    assert (pair.auc, pair.auc_low, pair.auc_high, pair.differences[0].distance) == (1, 1, 1, 1)
    assert pair.severity == severity


def make_overlapping() -> pd.DataFrame:
    """Return splits of which every statistic overlaps: two fifths of the first lie among those of the second."""
    values = np.r_[np.arange(40), np.arange(40) + 24]
    return make_two(40).assign(**dict.fromkeys(FEATURES, values))


def test_the_lower_end_of_the_interval_is_judged_and_all_three_figures_are_told(few_trees: None) -> None:
    manifest = make_overlapping()
    pair = compare_two(manifest, SimilarityConfig(minimum_drawn_images=40))
    assert pair.auc is not None and pair.auc_low is not None and pair.auc_high is not None
    assert 0.5 < pair.auc_low < pair.auc < pair.auc_high < 1
    told = f"; AUC of telling them apart {pair.auc:.2f} ({pair.auc_low:.2f} to {pair.auc_high:.2f})"
    assert pair.message.endswith(told)
    below = math.nextafter(pair.auc_low, 0)
    for warning, critical, severity in ((pair.auc_low, 1.0, "info"), (below, pair.auc_low, "warning")):
        config = SimilarityConfig(minimum_drawn_images=40, warning_auc=warning, critical_auc=critical)
        assert compare_two(manifest, config).severity == severity


def test_a_weak_tendency_of_one_split_in_the_layout_of_the_other_is_a_full_correlation() -> None:
    manifest = make_two(28)
    manifest.loc[:6, "perceptual_hash"] = hash_with(63, first_bit=True)
    assert compare_two(manifest).layout_correlation == pytest.approx(1)


def test_without_a_classifier_a_significant_distance_at_its_critical_limit_is_a_warning() -> None:
    manifest = make_two(40)
    manifest["noise"] = np.r_[np.arange(40), np.arange(40) + 24]
    found = compare_two(manifest).differences[0]
    assert found.distance == pytest.approx(24 / 40) and found.p_holm == pytest.approx(10 * found.p_value)
    exact = {"critical_distance": found.distance, "significance": math.nextafter(found.p_holm, 1)}
    above = {**exact, "critical_distance": math.nextafter(found.distance, 1)}
    for limits, severity in ((exact, "warning"), (above, "info"), ({**exact, "significance": found.p_holm}, "info")):
        assert compare_two(manifest, SimilarityConfig.model_validate(limits)).severity == severity


def test_p_values_are_corrected_for_the_tests_of_all_pairs() -> None:
    two = make_two(25, different=1)
    three = pd.concat([two, two.assign(split="test")[:25]], ignore_index=True)
    pairs = compare_splits(three).pairs
    assert [(pair.first, pair.second) for pair in pairs] == [
        ("train", "validation"),
        ("train", "test"),
        ("validation", "test"),
    ]
    smallest = [pair.differences[0] for pair in (pairs[0], pairs[2])]
    assert smallest[0].p_value == smallest[1].p_value < 1e-6
    assert [d.p_holm for d in smallest] == pytest.approx([30 * smallest[0].p_value] * 2)


def make_pair(severity: str, auc: float | None, examples: int) -> SplitPair:
    return SplitPair.model_validate(
        {
            "first": "train",
            "second": "test",
            "severity": severity,
            "message": "told",
            "auc": auc,
            "auc_low": auc,
            "auc_high": auc,
            "layout_correlation": 1,
            "differences": (),
            "examples": tuple((f"a{n}.jpg", f"b{n}.jpg") for n in range(examples)),
        }
    )


def test_a_pair_becomes_a_finding_with_at_most_ten_examples() -> None:
    findings = SplitComparison(pairs=(make_pair("critical", 0.71236, 6), make_pair("info", None, 2))).findings()
    assert [(f.rule, f.severity, f.success, f.observed, f.message) for f in findings] == [
        ("splits_alike", "critical", False, 0.7124, "told"),
        ("splits_alike", "info", True, "not tried", "told"),
    ]
    assert findings[0].expected == "train and test, once cleaned, cannot be told apart by how they were treated"
    assert findings[0].examples == tuple(f"{side}{n}.jpg" for n in range(5) for side in "ab")
    assert findings[1].examples == ("a0.jpg", "b0.jpg", "a1.jpg", "b1.jpg")


def test_the_limits_without_a_choice() -> None:
    assert SimilarityConfig().model_dump() == {
        "warning_auc": 0.6,
        "critical_auc": 0.7,
        "warning_distance": 0.15,
        "critical_distance": 0.25,
        "significance": 0.01,
        "minimum_images": 25,
        "minimum_drawn_images": 80,
        "maximum_drawn_images": 400,
        "seed": 42,
    }


@pytest.mark.parametrize(
    ("field", "allowed", "refused"),
    [
        ("warning_auc", (0.501,), (0.5,)),
        ("critical_auc", (1,), (1.001,)),
        ("warning_distance", (0.001,), (0, -0.5)),
        ("critical_distance", (1,), (1.001,)),
        ("significance", (0.0001, 0.9999), (0, 1)),
        ("minimum_images", (5,), (4,)),
        ("minimum_drawn_images", (20,), (19,)),
        ("maximum_drawn_images", (20,), (19,)),
        ("seed", (0,), (-1,)),
    ],
)
def test_limits_have_bounds(field: str, allowed: tuple[float, ...], refused: tuple[float, ...]) -> None:
    for value in allowed:
        assert getattr(SimilarityConfig.model_validate({field: value}), field) == value
    for value in refused:
        with pytest.raises(ValidationError):
            SimilarityConfig.model_validate({field: value})


def test_a_warning_may_begin_where_it_is_critical() -> None:
    config = SimilarityConfig(warning_auc=0.7, critical_auc=0.7, warning_distance=0.25, critical_distance=0.25)
    assert config.warning_auc == config.critical_auc
