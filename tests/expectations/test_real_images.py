"""What is said of the real images, counted once more by a few lines that share nothing with the pipeline.

Which images show one picture is the pipeline's own finding; each pair of it is compared again, pixel by pixel.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from data.base.paths import PROJECT_ROOT
from data.manifest.near_duplicates import find_similar_pairs, group_images
from data.manifest.table import build_manifest
from data.quality.cleaning import CleaningPolicy
from data.sources.extract import extract_archive
from data.sources.limits import ExtractLimits
from data.sources.source import DatasetSource
from expectations.judge import Judgement, judge_data_set

REAL = PROJECT_ROOT.parent / "shared" / "data" / "Facial_emotion_images.zip"
PAGE = PROJECT_ROOT / "docs" / "data-quality.md"
WITHOUT_ROW = {"splits_alike", "odd_images"}
"""Rules with a section of their own on the page."""

SIMILARITY = 0.82
SHIFT_PIXELS = 2

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not in ../shared/data"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real") / "images"
    extract_archive(REAL, root, ExtractLimits())
    return root


@pytest.fixture(scope="module")
def manifest(folder: Path) -> pd.DataFrame:
    return build_manifest(folder)


@pytest.fixture(scope="module")
def pairs(folder: Path, manifest: pd.DataFrame) -> pd.DataFrame:
    return find_similar_pairs(manifest, folder)


@pytest.fixture(scope="module")
def judgement(manifest: pd.DataFrame, pairs: pd.DataFrame) -> Judgement:
    grouped = manifest.assign(group=group_images(manifest, pairs))
    return judge_data_set(grouped, DatasetSource(kind="archive", location=REAL.name), CleaningPolicy(), seed=42)


@pytest.fixture(scope="module")
def again(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return split, label, digest, blank and group of each image, by path, from the archive's bytes."""
    rows = []
    with zipfile.ZipFile(REAL) as opened:
        for name in opened.namelist():
            if name.endswith(".jpg"):
                pixels = np.asarray(Image.open(io.BytesIO(opened.read(name))))
                path, digest = "/".join(name.split("/")[-3:]), hashlib.md5(pixels.tobytes()).hexdigest()
                rows.append((path, *path.split("/")[:2], digest, int(pixels.max()) - int(pixels.min()) < 2))
    images = pd.DataFrame(rows, columns=["path", "split", "label", "digest", "blank"]).set_index("path")
    return images.assign(group=join_pairs(images["digest"], zip(pairs["first"], pairs["second"], strict=True)))


def join_pairs(digests: pd.Series, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return a name for the pictures that pairs connect, for each image."""
    parent = {digest: digest for digest in digests}

    def find(digest: str) -> str:
        while parent[digest] != digest:
            digest = parent[digest]
        return digest

    for first, second in pairs:
        parent[find(digests[first])] = find(digests[second])
    return [find(digest) for digest in digests]


def find_copies(images: pd.DataFrame, by: str) -> dict[str, pd.Series]:
    """Tell for each image whether what it shows stands in a split that must not know it, or under another class."""
    split = images["split"]
    in_test = (split == "test").groupby(images[by]).transform("any")
    held_out = (split != "train").groupby(images[by]).transform("any")
    return {
        "train": (split == "train") & held_out,
        "validation": (split == "validation") & in_test,
        "conflict": images.groupby(by)["label"].transform("nunique") > 1,
        "repeated": (split == "train") & images.assign(train=split == "train").duplicated([by, "train"]),
        "repeated_held_out": (split != "train") & images.duplicated([by, "split", "label"]),
    }


@pytest.fixture(scope="module")
def counted(again: pd.DataFrame) -> dict[str, float]:
    """Return every figure of the page's section on the real images."""
    exact, near = find_copies(again, "digest"), find_copies(again, "group")
    near_train, near_validation = near["train"] & ~exact["train"], near["validation"] & ~exact["validation"]
    leaks = exact["train"] | exact["validation"] | near_train | near_validation
    kept = again[~(leaks | exact["conflict"] | again["blank"])]
    published, used = (frame.groupby(["split", "label"]).size() for frame in (again, kept))
    equal = again.groupby("digest")["split"].agg(["size", "nunique"]).query("size > 1")
    alike = again.groupby("group").agg({"digest": "nunique", "split": "nunique", "label": "size"}).query("digest > 1")
    return {
        "train_copies": exact["train"].sum(),
        "validation_copies": exact["validation"].sum(),
        "conflicts": exact["conflict"].sum(),
        "blank": again["blank"].sum(),
        "repeated": (exact["repeated"] & ~exact["conflict"]).sum(),
        "repeated_held_out": exact["repeated_held_out"].sum(),
        "near_train": near_train.sum(),
        "near_validation": near_validation.sum(),
        "near_conflicts": (near["conflict"] & ~exact["conflict"]).sum(),
        "balance": max(published[split].max() / published[split].min() for split in ("train", "validation", "test")),
        "balance_kept": used["train"].max() / used["train"].min(),
        "equal_groups": len(equal),
        "equal_across": (equal["nunique"] > 1).sum(),
        "near_groups": len(alike),
        "near_images": alike["label"].sum(),
        "near_across": (alike["split"] > 1).sum(),
        **{f"kept_{split}": used[split].sum() for split in ("train", "validation", "test")},
    }


def test_findings_and_the_page_s_table_are_what_a_second_count_gives(
    judgement: Judgement, counted: dict[str, float]
) -> None:
    findings = judgement.summary.before.findings
    found = {finding.rule: finding.observed for finding in findings if not finding.success}
    assert found == {
        "class_balance": round(counted["balance"], 2),
        "not_blank": counted["blank"],
        "no_duplicates_across_splits": counted["train_copies"] + counted["validation_copies"],
        "one_label_per_image": counted["conflicts"],
        "no_duplicates_within_train": counted["repeated"],
        "no_duplicates_within_held_out": counted["repeated_held_out"],
        "no_near_duplicates_across_splits": counted["near_train"] + counted["near_validation"],
        "one_label_per_picture": counted["near_conflicts"],
    }
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.,]+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {rule: float(rows[rule].replace(",", "")) for rule in found} == found
    passed = {finding.rule for finding in findings} - set(found)
    assert passed - set(rows) == WITHOUT_ROW
    assert all(float(rows[rule]) == 0 for rule in passed - WITHOUT_ROW)


def test_the_page_s_sentences_are_what_a_second_count_gives(judgement: Judgement, counted: dict[str, float]) -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    c = {name: f"{figure:,.2f}" if "balance" in name else f"{figure:,}" for name, figure in counted.items()}
    for sentence in (
        f"{c['train_copies']} train images that are also in validation or test, {c['validation_copies']} validation "
        "images that are also in test",
        f"{c['near_train']} train images that are also in validation or test, {c['near_validation']} validation images "
        "that are also in test",
        f"{c['equal_groups']} groups of images have equal pixels; {c['equal_across']} of these groups are in more than "
        "one split",
        f"there are {c['kept_train']} train, {c['kept_validation']} validation and {c['kept_test']} test images. In "
        f"train, the largest class then has {c['balance_kept']} times as many images as the smallest",
        f"finds {c['near_groups']} groups with {c['near_images']} images; {c['near_across']} of the groups are in more "
        "than one split",
    ):
        assert sentence in page
    used = judgement.summary.counts_used
    assert sum(used["train"].values()) + sum(used["selection"].values()) == counted["kept_train"]
    pair = judgement.comparison.pairs[0]
    low, auc, high = (f"{value:.2f}" for value in (pair.auc_low, pair.auc, pair.auc_high))
    assert f"have an AUC of {auc} ({low} to {high}) for train against validation" in page


def test_every_pair_of_near_duplicates_correlates_as_the_page_says(folder: Path, pairs: pd.DataFrame) -> None:
    assert len(pairs) > 1_000 and f"at least {SIMILARITY} at some shift" in " ".join(PAGE.read_text().split())
    weakest = min(
        correlate(folder / first, folder / second)
        for first, second in zip(pairs["first"], pairs["second"], strict=True)
    )
    assert weakest >= SIMILARITY - 0.001, "the pipeline counts in half precision"


def correlate(first: Path, second: Path) -> float:
    """Return the largest correlation of two band-passed pictures over all shifts, mirrored or not."""
    one, other = (np.asarray(Image.open(path).convert("L"), dtype=float) for path in (first, second))
    one, other = (ndimage.gaussian_filter(p, 1) - ndimage.gaussian_filter(p, 3) for p in (one, other))
    side = len(one) - 2 * SHIFT_PIXELS
    middle = one[SHIFT_PIXELS:-SHIFT_PIXELS, SHIFT_PIXELS:-SHIFT_PIXELS]
    windows = [
        turned[down : down + side, across : across + side]
        for turned in (other, other[:, ::-1])
        for down, across in np.ndindex(2 * SHIFT_PIXELS + 1, 2 * SHIFT_PIXELS + 1)
    ]
    return max(float((middle * w).sum() / np.sqrt((middle**2).sum() * (w**2).sum())) for w in windows)
