"""Recall and precision of the search for near-duplicates: planted copies, and found pairs to look at.

`python -m benchmarks.cleaning.near_duplicate_quality IMAGES --sheets DIR`. IMAGES contains <split>/<label>/<file>. The
command prints how many planted copies of each kind are found. It also draws random found pairs as contact sheets, with
the two pictures of a pair side by side, so that a person can count the wrong pairs.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageChops, ImageEnhance, ImageOps

from data.base.data_format import SEED_FORMAT
from data.manifest.near_duplicates import find_similar_pairs
from data.manifest.table import build_manifest

PLANTED_IMAGES = 1_000
"""Number of copies of each kind."""

KINDS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "encoded again at quality 60": lambda image: image,
    "shifted by a pixel": lambda image: ImageChops.offset(image, 1, 0),
    "mirrored": ImageOps.mirror,
    "brightened by a quarter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
}
SHOWN_PAIRS = 200
PAIRS_PER_ROW, PAIRS_PER_SHEET = 10, 100
SCALE, MARGIN = 2, 6


def plant_copies(images: Path, originals: pd.Series, kind: str, root: Path) -> pd.DataFrame:
    """Write a copy of each original below `root/copies` and build the manifest of the copies.

    Returns:
        The manifest, with paths relative to `root`.
    """
    for path in originals:
        target = root / "copies" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = KINDS[kind](Image.open(images / path).convert("L"))
        copy.save(target, "JPEG", quality=60 if "encoded" in kind else 95)
    manifest = build_manifest(root / "copies")
    return manifest.assign(path="copies/" + manifest["path"])


def measure_recall(images: Path, manifest: pd.DataFrame, originals: pd.Series, kind: str) -> float:
    """Measure the share (0..1) of planted copies that is found among all images of the data set."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for split in images.iterdir():
            (root / split.name).symlink_to(split.resolve())
        everything = pd.concat([manifest, plant_copies(images, originals, kind, root)], ignore_index=True)
        found = find_similar_pairs(everything, root)
    pairs = set(found[["first", "second"]].itertuples(index=False, name=None))
    return float(np.mean([(path, f"copies/{path}") in pairs for path in originals]))


def choose_originals(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Choose images that are not blank and have no near-duplicate, so that each copy has exactly one original."""
    alone = manifest[~manifest["path"].isin(pairs[["first", "second"]].to_numpy().ravel())]
    alone = alone[(alone["standard_deviation"] > 1) & ~alone["pixel_sha256"].duplicated(keep=False)]
    return alone["path"].sample(min(PLANTED_IMAGES, len(alone)), random_state=0)


def draw_sheets(images: Path, pairs: pd.DataFrame, directory: Path) -> list[Path]:
    """Draw pairs side by side, row by row, on as many sheets as necessary."""
    side, sheets = SEED_FORMAT.height * SCALE, []
    directory.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(pairs), PAIRS_PER_SHEET):
        shown = pairs.iloc[start : start + PAIRS_PER_SHEET]
        rows = -(-len(shown) // PAIRS_PER_ROW)
        sheet = Image.new("L", (PAIRS_PER_ROW * (2 * side + MARGIN), rows * (side + MARGIN)), 255)
        for number, (first, second) in enumerate(shown[["first", "second"]].itertuples(index=False)):
            row, column = divmod(number, PAIRS_PER_ROW)
            for place, path in enumerate((first, second)):
                face = Image.open(images / path).convert("L").resize((side, side))
                sheet.paste(face, (column * (2 * side + MARGIN) + place * side, row * (side + MARGIN)))
        sheets.append(directory / f"pairs-{start // PAIRS_PER_SHEET + 1}.png")
        sheet.save(sheets[-1])
    return sheets


def main() -> None:
    """Print the recall of each kind and draw found pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--sheets", type=Path, required=True, help="directory of the contact sheets")
    parser.add_argument("--seed", type=int, default=0, help="random seed for the choice of drawn pairs")
    options = parser.parse_args()
    manifest = build_manifest(options.images)
    pairs = find_similar_pairs(manifest, options.images)
    chosen = pairs.sample(min(SHOWN_PAIRS, len(pairs)), random_state=options.seed)
    for sheet in draw_sheets(options.images, chosen, options.sheets):
        print(f"look at {sheet}")
    print(f"{len(pairs)} pairs found among {len(manifest)} images")
    originals = choose_originals(manifest, pairs)
    for kind in KINDS:
        recall = measure_recall(options.images, manifest, originals, kind)
        print(f"{kind}: {recall:.1%} of {len(originals)} planted copies are found", flush=True)


if __name__ == "__main__":
    main()
