"""Search for the images that look least like the others: drawings, text, near-blank pictures."""

import numpy as np
import pandas as pd

from data.manifest.table import FEATURES, require_columns
from data.quality.cleaning import BLANK_STANDARD_DEVIATION

TREES = 200


def find_odd_images(manifest: pd.DataFrame, limit: int = 48, seed: int = 42) -> pd.DataFrame:
    """Rank the images by the distance of their statistics from those of the other images.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`. Undecodable and blank images have their
            own rules and are left out, as are further copies of a picture.
        limit: images to return at most.
        seed: of the forest.

    Returns:
        path, split, label, score (0..1, larger is odder; common images are below about 0.5), feature (the name in
        `data.manifest.table.FEATURES` that is furthest from its median) and deviation (by how many interquartile
        ranges, signed), the oddest first.

    Raises:
        PipelineError: columns of a manifest are missing.
    """
    from sklearn.ensemble import IsolationForest
    from sklearn.preprocessing import RobustScaler

    require_columns(manifest)
    usable = manifest["decodable"] & (manifest["standard_deviation"] > BLANK_STANDARD_DEVIATION)
    images = manifest[usable].sort_values("path").drop_duplicates("pixel_sha256").reset_index(drop=True)
    if images.empty:
        return pd.DataFrame(columns=["path", "split", "label", "score", "feature", "deviation"])
    deviations = RobustScaler().fit_transform(images[list(FEATURES)].to_numpy())
    forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(deviations)
    furthest = np.abs(deviations).argmax(axis=1)
    ranked = images[["path", "split", "label"]].assign(
        score=-forest.score_samples(deviations),
        feature=np.array(FEATURES)[furthest],
        deviation=deviations[np.arange(len(images)), furthest],
    )
    return ranked.sort_values("score", ascending=False, kind="stable", ignore_index=True).head(limit)
