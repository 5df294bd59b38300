"""Folds of the train part, so that each image is predicted by a network that never saw its picture."""

import pandas as pd

from data.base.errors import PipelineError
from data.manifest.table import require_columns


def hold_out(manifest: pd.DataFrame, held_out: pd.Series) -> pd.DataFrame:
    """Move train images into the part test of a manifest, so that they are predicted and not trained on.

    Args:
        manifest: a clean manifest with the column `part`.
        held_out: booleans under the index of some rows: which of them move; all other rows stay.
    """
    moved = held_out.reindex(manifest.index, fill_value=False)
    return manifest.assign(part=manifest["part"].mask(moved, "test"))


def cross_fit_folds(manifest: pd.DataFrame, folds: int, seed: int) -> pd.Series:
    """Assign the train part to folds, so that each image can be predicted by a model that never saw this picture.

    Args:
        manifest: a clean manifest with the column `part`. Images of one `group` (of `find_near_duplicates`, else equal
            pixels) share a fold.
        folds: number of folds, 2 to 20.
        seed: seed of the draw, which depends only on groups, labels and seed, not on file names.

    Returns:
        int64 fold, 0 to folds - 1, of each train row under the manifest's index; each fold has about the same number
        of pictures of each class.

    Raises:
        PipelineError: no such number of folds, no column `part`, or a class with fewer groups than folds.
    """
    from sklearn.model_selection import StratifiedKFold

    require_columns(manifest)
    if "part" not in manifest:
        raise PipelineError("the manifest has no column part; partition it with partition_manifest first")
    if not 2 <= folds <= 20:
        raise PipelineError(f"got {folds} folds, expected 2 to 20")
    train = manifest[manifest["part"] == "train"]
    groups = train.get("group", train["pixel_sha256"])
    few = train.assign(group=groups).groupby("label")["group"].nunique()
    if train.empty or few.min() < folds:
        raise PipelineError(f"got train pictures {few.to_dict()}, expected at least {folds} of each class: fewer folds")
    # A group is drawn as a unit, under the label of its first picture; sorting makes the draw independent of names.
    ordered = train.assign(group=groups).sort_values(["pixel_sha256", "label"]).drop_duplicates("group")
    fold_of_group: dict[str, int] = {}
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(splitter.split(ordered, ordered["label"])):
        fold_of_group.update(dict.fromkeys(ordered["group"].iloc[rows].tolist(), fold))
    drawn = [fold_of_group[group] for group in groups.tolist()]
    return pd.Series(drawn, index=train.index, name="fold", dtype="int64")
