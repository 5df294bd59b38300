"""Comparison of the splits of a data set: do they look as if they were drawn from one source?

If a split was resized, blurred or equalised before publication, a validation figure says little about other images.
Each pair of splits is compared in two ways: tests of one statistic at a time, which give the reason, and a small
classifier that tries to tell the splits apart, which shows how easily that is done.
"""

import logging
from itertools import combinations
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from data.base.parts import SPLITS
from data.base.record import Record
from data.manifest.decoding import unpack_hashes
from data.manifest.table import FEATURES, require_columns
from data.quality.multiple_testing import holm_correction
from data.quality.split_classifier import choose_examples, draw_balanced, measure_area, score_side
from data.records.dataset import Finding, Severity

logger = logging.getLogger(__name__)

TYPICALITY = "hash_typicality"

WORDING = {
    "bytes": ("file size", "smaller in bytes", "larger in bytes"),
    "mean": ("brightness", "darker", "brighter"),
    "standard_deviation": ("contrast", "lower in contrast", "higher in contrast"),
    "sharpness": ("sharpness", "blurrier", "sharper"),
    "noise": ("noise", "smoother", "noisier"),
    "blockiness": ("blockiness", "less blocky", "blockier"),
    "entropy": ("entropy", "poorer in gray levels", "richer in gray levels"),
    "skewness": ("skewness", "heavier in bright tones", "heavier in dark tones"),
    "edge_brightness": ("edge brightness", "darker at the edges", "brighter at the edges"),
    TYPICALITY: ("hash typicality", "less typical in layout", "more typical in layout"),
}
"""feature -> its name, and the words for images that have less or more of it."""

INVERTED_CORRELATION = -0.2

REASONS = 3


class SimilarityConfig(Record):
    """Limits and sizes for the comparison of splits."""

    warning_auc: float = Field(
        default=0.6, gt=0.5, le=1, description="area under the ROC curve above which splits differ visibly"
    )
    critical_auc: float = Field(
        default=0.7, gt=0.5, le=1, description="area under the ROC curve above which splits were treated differently"
    )
    warning_distance: float = Field(
        default=0.15, gt=0, le=1, description="Kolmogorov-Smirnov distance of a statistic that counts as visible"
    )
    critical_distance: float = Field(
        default=0.25, gt=0, le=1, description="Kolmogorov-Smirnov distance of a statistic that counts as a treatment"
    )
    significance: float = Field(default=0.01, gt=0, lt=1, description="of each test, Holm-corrected over all of them")
    minimum_images: int = Field(default=25, ge=5, description="of a class in both splits for a test to be made")
    minimum_drawn_images: int = Field(default=80, ge=20, description="of each split for the classifier to be tried")
    maximum_drawn_images: int = Field(default=400, ge=20, description="of each class and split for the classifier")
    seed: int = Field(default=42, ge=0, description="of the draw and the classifier")

    @model_validator(mode="after")
    def _refuse_swapped_limits(self) -> Self:
        if self.warning_auc > self.critical_auc or self.warning_distance > self.critical_distance:
            raise ValueError("a warning limit is above its critical limit; lower the one or raise the other")
        return self


class FeatureDifference(Record):
    """One statistic of one class in two splits."""

    label: str
    feature: str = Field(description="a name of data.manifest.table.FEATURES, or hash_typicality")
    first_images: int
    second_images: int
    first_median: float
    second_median: float
    distance: float = Field(description="Kolmogorov-Smirnov: largest gap between the two distributions, 0..1")
    cliffs_delta: float = Field(description="how much more often the first is larger than smaller, -1..1")
    p_value: float = Field(description="two-sample Kolmogorov-Smirnov, asymptotic")
    p_holm: float = Field(description="the same, Holm-corrected over all tests of all pairs of splits")


class SplitPair(Record):
    """Similarity of two splits."""

    first: str
    second: str
    severity: Severity = Field(description="info if no difference was found")
    message: str = Field(description="one sentence for a person, with the figures in it")
    auc: float | None = Field(description="of telling the splits apart, cross-validated; 0.5 is chance")
    auc_low: float | None = Field(description="lower end of its 95 % interval")
    auc_high: float | None
    layout_correlation: float = Field(
        description="of how often each bit of the perceptual hash is set; 1 alike, near -1 if one split is inverted"
    )
    differences: tuple[FeatureDifference, ...] = Field(description="largest distance first")
    examples: tuple[tuple[str, str], ...] = Field(
        description="pairs of paths, one of each split, each as unlike the other split as any of its class"
    )


class SplitComparison(Record):
    """Similarity of all splits of a data set, pair by pair."""

    pairs: tuple[SplitPair, ...]

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding for each pair of splits, for a verdict."""
        return tuple(
            Finding(
                rule="splits_alike",
                severity=pair.severity,
                success=pair.severity == "info",
                observed="not tried" if pair.auc is None else round(pair.auc, 4),
                expected=f"{pair.first} and {pair.second}, once cleaned, cannot be told apart by how they were treated",
                message=pair.message,
                examples=tuple(path for both in pair.examples for path in both)[:10],
            )
            for pair in self.pairs
        )


def compare_splits(manifest: pd.DataFrame, config: SimilarityConfig | None = None) -> SplitComparison:
    """Compare every pair of splits, class by class, so that a different mix of classes does not count.

    A pair is critical only if both the lower end of the classifier's interval and a significant single statistic are
    beyond their limits; sampling alone causes neither. A classifier that succeeds without such a statistic is a
    warning.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`. Undecodable images and those in unknown
            splits are left out; each class counts that both splits have.
        config: limits and sizes; None takes the defaults.

    Returns:
        One `SplitPair` for each two of `data.base.parts.SPLITS` that have images, in that order; none if fewer than
        two have any.

    Raises:
        PipelineError: columns of a manifest are missing.
    """
    config = config or SimilarityConfig()
    require_columns(manifest)
    known = manifest["split"].isin(SPLITS) & manifest["decodable"]
    images = manifest[known].reset_index(drop=True)
    present = [split for split in SPLITS if (images["split"] == split).any()]
    couples = list(combinations(present, 2))
    tested = [_test_features(images, first, second, config) for first, second in couples]
    corrected = _correct_by_holm(tested)
    return SplitComparison(
        pairs=tuple(
            _judge_pair(images, couple, differences, config)
            for couple, differences in zip(couples, corrected, strict=True)
        )
    )


def _measure_typicality(reference: NDArray[np.uint8], bits: NDArray[np.uint8], members: bool) -> NDArray[np.float64]:
    """Return for each hash the share of the reference that has its bit, averaged over the bits.

    Args:
        reference: bits, 0 or 1, of shape (images, 64).
        bits: the hashes to judge, in the same form.
        members: whether `bits` is the reference itself; then each hash is compared only with the others.
    """
    others = len(reference) - members
    set_counts = reference.sum(axis=0, dtype=np.int64) - (bits if members else 0)
    return np.where(bits == 1, set_counts, others - set_counts).mean(axis=1) / max(1, others)


def _test_features(
    images: pd.DataFrame, first: str, second: str, config: SimilarityConfig
) -> tuple[FeatureDifference, ...]:
    differences = []
    for label in sorted(images["label"].unique()):
        of_class = images[images["label"] == label]
        one, other = (of_class[of_class["split"] == split] for split in (first, second))
        if min(len(one), len(other)) < config.minimum_images:
            logger.info("too few images of %s to compare %s with %s", label, first, second)
            continue
        for feature in FEATURES:
            differences.append(_test_feature(label, feature, one[feature].to_numpy(), other[feature].to_numpy()))
        reference, bits = unpack_hashes(one["perceptual_hash"]), unpack_hashes(other["perceptual_hash"])
        typicality = _measure_typicality(reference, reference, True), _measure_typicality(reference, bits, False)
        differences.append(_test_feature(label, TYPICALITY, *typicality))
    return tuple(differences)


def _test_feature(label: str, feature: str, first: NDArray, second: NDArray) -> FeatureDifference:
    from scipy import stats

    test = stats.ks_2samp(first, second, method="asymp")
    wins, _ = stats.mannwhitneyu(first, second, method="asymptotic")
    return FeatureDifference(
        label=label,
        feature=feature,
        first_images=len(first),
        second_images=len(second),
        first_median=float(np.median(first)),
        second_median=float(np.median(second)),
        distance=float(test.statistic),  # type: ignore[attr-defined]
        cliffs_delta=float(2 * wins / (len(first) * len(second)) - 1),
        p_value=float(test.pvalue),  # type: ignore[attr-defined]
        p_holm=1.0,
    )


def _correct_by_holm(tested: list[tuple[FeatureDifference, ...]]) -> list[tuple[FeatureDifference, ...]]:
    """Fill in the corrected p-values over all tests of all pairs, and order each pair's by distance."""
    remaining = iter(holm_correction([difference.p_value for differences in tested for difference in differences]))
    filled = [[d.model_copy(update={"p_holm": next(remaining)}) for d in differences] for differences in tested]
    return [tuple(sorted(differences, key=lambda d: -d.distance)) for differences in filled]


def _judge_pair(
    images: pd.DataFrame, couple: tuple[str, str], differences: tuple[FeatureDifference, ...], config: SimilarityConfig
) -> SplitPair:
    first, second = couple
    drawn = draw_balanced(images, couple, config.maximum_drawn_images, config.seed)
    scores = score_side(drawn, second, config.seed) if len(drawn) >= 2 * config.minimum_drawn_images else None
    area = None if scores is None else measure_area(scores, (drawn["split"] == second).to_numpy())
    significant = [d for d in differences if d.p_holm < config.significance]
    severity = _grade(area, max((d.distance for d in significant), default=0.0), config)
    correlation = _correlate_layouts(images, couple)
    return SplitPair(
        first=first,
        second=second,
        severity=severity,
        message=_put_into_words(couple, severity, area, significant, correlation),
        auc=area and area[0],
        auc_low=area and area[1],
        auc_high=area and area[2],
        layout_correlation=correlation,
        differences=differences,
        examples=() if scores is None else choose_examples(drawn, scores, couple),
    )


def _grade(area: tuple[float, float, float] | None, distance: float, config: SimilarityConfig) -> Severity:
    """Judge by both figures; if no classifier could be tried, nothing is critical."""
    if area is None:
        return "warning" if distance >= config.critical_distance else "info"
    if area[1] > config.critical_auc:
        return "critical" if distance >= config.critical_distance else "warning"
    return "warning" if area[1] > config.warning_auc and distance >= config.warning_distance else "info"


def _correlate_layouts(images: pd.DataFrame, couple: tuple[str, str]) -> float:
    frequencies = [
        unpack_hashes(images.loc[images["split"] == split, "perceptual_hash"]).mean(axis=0) for split in couple
    ]
    # The first bit is brightness itself, set in nearly every image.
    centred = [frequency[1:] - 0.5 for frequency in frequencies]
    length = np.linalg.norm(centred[0]) * np.linalg.norm(centred[1])
    return float(centred[0] @ centred[1] / length) if length > 0 else 0.0


def _put_into_words(
    couple: tuple[str, str],
    severity: Severity,
    area: tuple[float, float, float] | None,
    significant: list[FeatureDifference],
    correlation: float,
) -> str:
    first, second = couple
    told = "too few images to try to tell them apart"
    if area is not None:
        told = f"AUC of telling them apart {area[0]:.2f} ({area[1]:.2f} to {area[2]:.2f})"
    if severity == "info":
        return f"{first} and {second} look alike: {told}"
    if not significant:
        return f"{first} and {second} can be told apart though no single statistic differs: {told}"
    strongest = [next(d for d in significant if d.feature == f) for f in dict.fromkeys(d.feature for d in significant)]
    comparatives, figures = zip(*(_describe_difference(difference) for difference in strongest[:REASONS]), strict=True)
    inverted = "light and dark areas are swapped; " if correlation < INVERTED_CORRELATION else ""
    return f"{first} is {_join(comparatives)} than {second}: {inverted}{', '.join(figures)}; {told}"


def _describe_difference(difference: FeatureDifference) -> tuple[str, str]:
    """Describe how the first split differs from the second, with the figures."""
    name, less, more = WORDING[difference.feature]
    medians = f"{difference.first_median:,.4g} against {difference.second_median:,.4g}"
    return less if difference.cliffs_delta < 0 else more, f"median {name} {medians} ({difference.label})"


def _join(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
