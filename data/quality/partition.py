"""Partition of a manifest: splits that it lacks, and the parts that a run works with."""

import logging
from collections.abc import Sequence

import pandas as pd

from data.base.errors import PipelineError
from data.base.parts import SPLITS
from data.manifest.table import require_columns
from data.records.dataset import CarvedSplit

logger = logging.getLogger(__name__)

CARVED_SHARE = 0.15
"""Share of train that becomes a split that the data set lacks."""


def partition_manifest(kept: pd.DataFrame, seed: int, selection_fraction: float = 0.1) -> pd.DataFrame:
    """Take the selection part from the train split, and assign every image to a part.

    Images of one group are drawn together, under the label of the first: no selection image has a copy in train.
    Groups are the column `group` of `data.manifest.near_duplicates.find_near_duplicates` if it exists, else equal
    pixels. The draw depends on the pixels and the seed alone, not on file names.

    Args:
        kept: a clean manifest, see `data.manifest.table.COLUMN_TYPES`; further columns are kept.
        seed: of the draw.
        selection_fraction: share of each class's train images to take, 0 < fraction <= 0.5. A class with at least
            two different images gives at least one and keeps at least one.

    Returns:
        The manifest with a column `part`: one of `data.base.parts.PARTS`.

    Raises:
        PipelineError: the fraction is out of bounds, an image lies in an unknown split, or the train split is empty.

    Examples:
        >>> from data.manifest.table import COLUMN_TYPES
        >>> image = dict.fromkeys(COLUMN_TYPES, "") | {"split": "train", "label": "happy"}
        >>> kept = pd.DataFrame([image | {"path": f"{n}.jpg", "pixel_sha256": f"{n}"} for n in range(20)])
        >>> partition_manifest(kept, seed=1)["part"].value_counts().to_dict()
        {'train': 18, 'selection': 2}
    """
    require_columns(kept)
    if not 0 < selection_fraction <= 0.5:
        raise PipelineError(f"selection_fraction is {selection_fraction}; expected more than 0 and at most 0.5")
    unknown = sorted(set(kept["split"]) - set(SPLITS))
    if unknown:
        raise PipelineError(f"images lie in the splits {unknown}; expected {SPLITS}: clean the manifest first")
    if not (kept["split"] == "train").any():
        raise PipelineError("no train image is left after cleaning; look at the quarantine's reasons")
    return kept.assign(part=kept["split"].mask(_draw(kept, seed, selection_fraction), "selection"))


def carve_splits(manifest: pd.DataFrame, splits: Sequence[str], seed: int) -> tuple[pd.DataFrame, list[CarvedSplit]]:
    """Take splits that a data set lacks from its train split, class by class, with all images of a group together.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        splits: the missing ones; one after the other takes `CARVED_SHARE` of what is left of train.
        seed: of the draw, which depends on the pixels and the seed alone.

    Returns:
        The manifest with the names of these splits in its column `split`, and what was taken.
    """
    carved = []
    for name in splits:
        drawn = _draw(manifest, seed, CARVED_SHARE)
        manifest = manifest.assign(split=manifest["split"].mask(drawn, name))
        carved.append(CarvedSplit(name=name, share=CARVED_SHARE, images=int(drawn.sum())))
    return manifest, carved


def _draw(manifest: pd.DataFrame, seed: int, fraction: float) -> pd.Series:
    """Draw a share of train's groups of each class: booleans, one for each row of the manifest."""
    train = manifest[manifest["split"] == "train"]
    # An image that could not be decoded has no pixel hash and is a group of its own.
    copies = train["pixel_sha256"].where(train["pixel_sha256"] != "", train["path"])
    groups = train.get("group", copies)
    drawn = groups.isin(_draw_groups(groups, train["label"], seed, fraction))
    return drawn.reindex(manifest.index, fill_value=False)


def _draw_groups(groups: pd.Series, labels: pd.Series, seed: int, fraction: float) -> set[str]:
    """Draw a share of each class's groups; `train_test_split` would refuse to stratify tiny classes."""
    from sklearn.model_selection import train_test_split

    drawn: set[str] = set()
    label_of_group = labels.groupby(groups).first()
    for label, members in label_of_group.groupby(label_of_group).groups.items():
        if len(members) < 2:
            logger.warning("class %s has one distinct train image: none of it goes to selection", label)
            continue
        _, chosen = train_test_split(sorted(members), test_size=fraction, random_state=seed)
        drawn.update(chosen)
    return drawn
