"""Alarm rates of the comparison of splits, on random re-splits of one data set and on processed train parts.

Run it from the checkout: `python benchmarks/cleaning/similarity.py IMAGES [--repeats 200]`. IMAGES contains
<split>/<label>/<file>.
"""

import argparse
import io
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter, ImageOps

from data.manifest.table import build_manifest
from data.quality.split_similarity import SplitComparison, compare_splits

TREATMENTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "encoded again": lambda image: image,
    "blurred, radius 0.5": lambda image: image.filter(ImageFilter.GaussianBlur(0.5)),
    "blurred, radius 1": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "equalised": ImageOps.equalize,
    "to 40x40 and back": lambda image: image.resize((40, 40)).resize((48, 48)),
    "to 24x24 and back": lambda image: image.resize((24, 24)).resize((48, 48)),
    "cropped by 2 and resized": lambda image: image.crop((2, 2, 46, 46)).resize((48, 48)),
    "cropped by 5 and resized": lambda image: image.crop((5, 5, 43, 43)).resize((48, 48)),
    "inverted": ImageOps.invert,
}
TREATED_IMAGES = 2_000


def split_again(manifest: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the manifest with its splits assigned again at random within each class."""
    random = np.random.default_rng(seed)
    return manifest.assign(split=manifest.groupby("label")["split"].transform(lambda s: random.permutation(s)))


def treat_train(images: Path, manifest: pd.DataFrame, treatment: Callable[[Image.Image], Image.Image]) -> pd.DataFrame:
    """Return the manifest with a sample of processed train images in place of its train part."""
    sample = manifest[manifest["split"] == "train"].sample(TREATED_IMAGES, random_state=0)
    with tempfile.TemporaryDirectory() as directory:
        for path in sample["path"]:
            target = Path(directory) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            encoded = io.BytesIO()
            treatment(Image.open(images / path).convert("L")).save(encoded, "JPEG", quality=95)
            target.write_bytes(encoded.getvalue())
        treated = build_manifest(Path(directory))
    return pd.concat([treated, manifest[manifest["split"] != "train"]], ignore_index=True)


def print_pairs(name: str, comparison: SplitComparison) -> None:
    """Print the severity and the message of each pair of splits."""
    for pair in comparison.pairs:
        print(f"{name}: {pair.severity}: {pair.message}", flush=True)


def main() -> None:
    """Print the results for the data set, for its processed copies and for random re-splits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    manifest = build_manifest(options.images)
    usable = manifest[manifest["decodable"]]
    started = time.process_time()
    print_pairs("as published", compare_splits(manifest))
    print(f"comparing took {time.process_time() - started:.1f} core-seconds")
    for name, treatment in TREATMENTS.items():
        print_pairs(f"train {name}", compare_splits(treat_train(options.images, usable, treatment)))
    alarms, areas = Counter[str](), []
    for seed in range(options.repeats):
        pairs = compare_splits(split_again(usable, seed)).pairs
        alarms.update({pair.severity for pair in pairs})
        areas.append([pair.auc for pair in pairs])
        if seed % 20 == 19:
            print(f"{seed + 1} re-splits: {dict(alarms)}", flush=True)
    print(f"{options.repeats} random re-splits: critical in {alarms['critical']}, warning in {alarms['warning']}")
    print("AUC of each pair, 1 %, 50 % and 99 %:", np.nanquantile(np.array(areas, float), [0.01, 0.5, 0.99], axis=0).T)


if __name__ == "__main__":
    main()
