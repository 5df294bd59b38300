"""Whether splits look alike: treated train parts are caught, sampling noise is not."""

import io
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.labels import CLASSES
from data.manifest.decoding import unpack_hashes
from data.manifest.table import build_manifest
from data.quality.split_similarity import SimilarityConfig, SplitPair, compare_splits
from data.sample.faces import draw_face
from tests.support.image_tree import make_manifest, write_image

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
