"""Pictures of a verdict on a data set: thumbnails of the images that a finding names, and of their counterparts."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image
from pydantic import Field

from data.base.parts import SPLITS
from data.base.record import Record
from data.manifest.measures import FORMATS, LARGEST_IMAGE_PIXELS
from data.quality.odd_images import find_odd_images
from data.quality.rules import RULES
from data.quality.split_similarity import SplitComparison
from data.records.dataset import Finding
from reports.common.images import encode_image

logger = logging.getLogger(__name__)

EVIDENCE_NAME = "evidence.json"
QUARANTINE_LIST = "quarantine.csv"
CHANGED_LIST = "changed_images.csv"

PICTURES_PER_FINDING = 10
THUMBNAIL_SIZE = 48
"""Largest height and width of a thumbnail in pixels: a face keeps its size, a larger image is scaled down."""

ALREADY_PAIRED = "splits_alike"
"""Rule whose examples are already pairs of paths: each pair is two paths in a row."""


class Picture(Record):
    """One image of a data set as a page shows it."""

    path: str
    source: str = Field(description="PNG data URI; empty if the file cannot be shown")
    note: str = ""


class Exhibit(Record):
    """The pictures of one finding."""

    groups: tuple[tuple[Picture, ...], ...] = Field(default=(), description="a picture alone, or two side by side")


class DataEvidence(Record):
    """Content of the pages on a data set in addition to its summary, stored as `evidence.json`."""

    dataset: str = Field(default="", description="key in the workspace")
    folders: tuple[str, ...] = Field(default=(), description="sentences on how the data set was read")
    policies: dict[str, str] = Field(default_factory=dict, description="rule -> what is done if it is broken")
    compared_with: str = Field(default="", description="key of the last accepted data set, if one exists")
    changes: tuple[Finding, ...] = Field(default=(), description="what changed since that data set")
    exhibits: tuple[Exhibit, ...] = Field(default=(), description="one for each finding on the data set as published")
    change_exhibits: tuple[Exhibit, ...] = Field(default=(), description="one for each change")
    comparison: SplitComparison = Field(
        default=SplitComparison(pairs=()), description="each statistic of each pair of splits"
    )
    odd_images: tuple[Picture, ...] = Field(default=(), description="the oddest first")
    files: dict[str, str] = Field(default_factory=dict, description="title -> file beside the page")
    links: dict[str, str] = Field(default_factory=dict, description="title -> relative path of another page")


def load_evidence(verdict: Path) -> DataEvidence:
    """Load the evidence from a verdict's directory."""
    return DataEvidence.model_validate_json((verdict / EVIDENCE_NAME).read_bytes())


def gather_exhibits(findings: Iterable[Finding], manifest: pd.DataFrame, images: Path) -> tuple[Exhibit, ...]:
    """Gather the pictures of each finding: its examples, and copies beside their originals.

    Args:
        findings: their order is the order of the exhibits.
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`, perhaps with the column `group`.
        images: the directory that its paths are relative to.

    Returns:
        One exhibit for each finding, of at most 10 pictures; empty if a finding names no image.
    """
    return tuple(
        Exhibit(
            groups=tuple(
                tuple(Picture(path=path, source=make_thumbnail(images / path)) for path in group)
                for group in group_examples(finding, manifest)
            )
        )
        for finding in findings
    )


def group_examples(finding: Finding, manifest: pd.DataFrame) -> list[tuple[str, ...]]:
    """Group a finding's example paths as they are shown, at most 10 paths in all."""
    rule = RULES.get(finding.rule)
    if finding.rule == ALREADY_PAIRED:
        groups = list(zip(finding.examples[::2], finding.examples[1::2], strict=False))
    elif rule and rule.counterpart:
        groups = _pair_with_counterparts(finding.examples, manifest, *rule.counterpart)
    else:
        groups = [(path,) for path in finding.examples]
    return _limit(groups)


def _pair_with_counterparts(
    paths: Sequence[str], manifest: pd.DataFrame, equal: str, differs: str
) -> list[tuple[str, ...]]:
    """Pair each image with another that shows the same picture; of several examples of one picture, keep the first."""
    places = manifest.set_index("path", drop=False)
    shown: set[str] = set()
    pairs: list[tuple[str, ...]] = []
    for path in paths:
        image: dict[str, str] = places.loc[path].to_dict()  # type: ignore[assignment]  # the columns used are text
        if image[equal] in shown:
            continue
        shown.add(image[equal])
        others = places[(places[equal] == image[equal]) & (places[differs] != image[differs])]
        if differs == "path":  # a repetition inside one split
            others = others[others["split"] == image["split"]]
        # The original is assumed to be in the split that is closer to the final figures.
        nearest = sorted(zip(others["split"], others["path"], strict=True), key=lambda other: -_rank_split(other[0]))
        pairs.append((path, *(other for _, other in nearest[:1])))
    return pairs


def _rank_split(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else -1


def _limit(groups: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Keep the first groups that together have no more pictures than a finding may show."""
    kept: list[tuple[str, ...]] = []
    for group in groups:
        if sum(map(len, kept)) + len(group) > PICTURES_PER_FINDING:
            break
        kept.append(group)
    return kept


def gather_odd_images(findings: Iterable[Finding], manifest: pd.DataFrame, images: Path) -> tuple[Picture, ...]:
    """Gather the images least like the others, if the findings report them.

    Args:
        findings: the findings on the data set as published.
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        images: the directory that its paths are relative to.

    Returns:
        As many pictures as the finding `odd_images` counts, each with its oddest statistic and by how many
        interquartile ranges it deviates.
    """
    count = next((int(f.observed) for f in findings if f.rule == "odd_images" and f.success), 0)
    if not count:
        return ()
    odd = find_odd_images(manifest, limit=count)
    return tuple(
        Picture(
            path=str(row.path),
            source=make_thumbnail(images / str(row.path)),
            note=f"{str(row.feature).replace('_', ' ')} {row.deviation:+.1f}",
        )
        for row in odd.itertuples()
    )


def make_thumbnail(path: Path) -> str:
    """Return an image file as a PNG data URI of at most 48x48 pixels; an empty string if it cannot be shown."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST_IMAGE_PIXELS:
                return ""
            shown = image.convert("L" if image.mode in ("1", "L") else "RGB")
            shown.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE))
            return encode_image(shown)
    # Pillow raises a dozen kinds of exception for damaged files; each means that nothing can be shown.
    except Exception as error:
        logger.debug("no thumbnail of %s: %s", path, error)
        return ""
