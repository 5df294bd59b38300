"""Classifier that tries to tell two splits of a data set apart."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.manifest.decoding import unpack_hashes
from data.manifest.table import FEATURES

TREES = 60

SHARE_OF_FEATURES = 0.2

EXAMPLES_PER_CLASS = 2


def draw_balanced(images: pd.DataFrame, couple: tuple[str, str], maximum_images: int, seed: int) -> pd.DataFrame:
    """Draw as many images of each class from one split as from the other, so that the class does not help.

    Only one of several equal pictures is drawn, so that the classifier never judges a copy of an image it has seen.
    """
    of_couple = images[images["split"].isin(couple)]
    mixed = of_couple.sample(frac=1, random_state=seed).drop_duplicates("pixel_sha256")
    drawn = []
    for label in sorted(mixed["label"].unique()):
        sides = [mixed[(mixed["split"] == split) & (mixed["label"] == label)] for split in couple]
        size = min(*(len(side) for side in sides), maximum_images)
        drawn += [side.head(size) for side in sides]
    return pd.concat(drawn, ignore_index=True)


def score_side(drawn: pd.DataFrame, second: str, seed: int) -> NDArray[np.float64]:
    """Return for each image the probability of the second split, by a classifier that has not seen the image.

    The classifier is a forest on one thread: boosting on OpenMP's threads is very slow while the cores are busy.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    features = np.hstack([drawn[list(FEATURES)].to_numpy(np.float64), unpack_hashes(drawn["perceptual_hash"])])
    classifier = RandomForestClassifier(
        n_estimators=TREES,
        max_features=SHARE_OF_FEATURES,  # type: ignore[arg-type]  # pyright infers str from the default
        min_samples_leaf=5,
        random_state=seed,
    )
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=seed)
    target = (drawn["split"] == second).to_numpy()
    chances = cross_val_predict(classifier, features, target, cv=folds, method="predict_proba")
    return np.asarray(chances)[:, 1]


def measure_area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval.

    Source: DeLong, DeLong and Clarke-Pearson, Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves, Biometrics 44 (1988).
    """
    from scipy import stats

    ranks = stats.rankdata(scores)
    above = (ranks[positive] - stats.rankdata(scores[positive])) / (~positive).sum()
    below = 1 - (ranks[~positive] - stats.rankdata(scores[~positive])) / positive.sum()
    area = float(above.mean())
    error = float(np.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)))
    margin = float(stats.norm.ppf(0.975)) * error
    return area, max(0.0, area - margin), min(1.0, area + margin)


def choose_examples(
    drawn: pd.DataFrame, scores: NDArray[np.float64], couple: tuple[str, str]
) -> tuple[tuple[str, str], ...]:
    """Pair the images of each class that belong to their own split with the highest probability."""
    first, second = couple
    ordered = drawn.assign(score=scores).sort_values("score", kind="stable")
    pairs = []
    for label in sorted(ordered["label"].unique()):
        of_class = ordered[ordered["label"] == label]
        firsts = of_class.loc[of_class["split"] == first, "path"].head(EXAMPLES_PER_CLASS)
        seconds = of_class.loc[of_class["split"] == second, "path"].iloc[::-1].head(EXAMPLES_PER_CLASS)
        pairs += list(zip(firsts, seconds, strict=False))
    return tuple(pairs)
