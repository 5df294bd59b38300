"""What is said of the real images, counted once more by a few lines that share nothing with the pipeline."""

import hashlib
import io
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.clean import CleaningPolicy
from data.extract import ExtractLimits, extract_archive
from data.manifest import build_manifest
from data.source import DatasetSource
from data.workspace import PROJECT_ROOT
from expectations.judgement import judge_data_set

REAL = PROJECT_ROOT.parent / "shared" / "data" / "Facial_emotion_images.zip"
PAGE = PROJECT_ROOT / "docs" / "data-quality.md"


def count_again(archive: Path) -> dict[str, int | float]:
    """Return the figure of each rule that sees something, from the archive's bytes."""
    places: dict[str, list[tuple[str, str]]] = {}
    images, blank = Counter[tuple[str, str]](), 0
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if not name.endswith(".jpg"):
                continue
            split, label = name.split("/")[-3:-1]
            pixels = np.asarray(Image.open(io.BytesIO(opened.read(name))))
            places.setdefault(hashlib.md5(pixels.tobytes()).hexdigest(), []).append((split, label))
            images[split, label] += 1
            blank += int(pixels.max()) - int(pixels.min()) < 2
    return {"class_balance": round(_worst_ratio(images), 2), "not_blank": blank, **_count_copies(places)}


def _worst_ratio(images: Counter[tuple[str, str]]) -> float:
    by_split = {name: [n for (split, _), n in images.items() if split == name] for name, _ in images}
    return max(max(counts) / min(counts) for counts in by_split.values())


def _count_copies(places: dict[str, list[tuple[str, str]]]) -> dict[str, int]:
    counts = Counter[str]()
    for members in places.values():
        splits = Counter(split for split, _ in members)
        conflict = len({label for _, label in members}) > 1
        counts["one_label_per_image"] += len(members) * conflict
        counts["no_duplicates_across_splits"] += splits["train"] * bool(splits["validation"] or splits["test"])
        counts["no_duplicates_across_splits"] += splits["validation"] * bool(splits["test"])
        counts["no_duplicates_within_train"] += max(splits["train"] - 1, 0) * (not conflict)
    return dict(counts)


@pytest.mark.shared_data
@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not in ../shared/data")
def test_findings_and_page_are_what_a_second_count_gives(tmp_path: Path) -> None:
    extract_archive(REAL, tmp_path / "images", ExtractLimits())
    source = DatasetSource(kind="archive", location=REAL.name)
    summary = judge_data_set(build_manifest(tmp_path / "images"), source, CleaningPolicy(), seed=42).summary
    found = {finding.rule: finding.observed for finding in summary.before.findings if not finding.success}
    assert found == count_again(REAL)
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.,]+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {rule: float(rows[rule].replace(",", "")) for rule in found} == found
    passed = {finding.rule for finding in summary.before.findings} - set(found)
    assert all(float(rows[rule]) == 0 for rule in passed)
