"""Skill of a variant: how far it is from the answer that needs no image, on the way to always being right."""

from data.records.training import PartMetrics

LEAST_SKILL = 0.55
"""Skill below which a variant's contradictions say more about the variant than about the labels.

Measured on generated faces with a tenth of the labels wrong, see docs/data-quality.md: from here on about half of the
suspects are wrong labels, and with less skill two of three suspects are right.
"""


def largest_share(scores: PartMetrics) -> float:
    """Return the share of the largest class, 0..1: the accuracy of always naming it."""
    return max(sum(row) for row in scores.confusion) / scores.images


def measure_skill(scores: PartMetrics) -> float:
    """Return the skill that a variant has at least: 0 for always naming the largest class, 1 for being always right.

    The lower end of the accuracy's interval is used, so that few images cannot show much skill. This is the
    skill score of weather forecasts with the largest class as the reference; 0.55 is 66 % of four equal classes.
    """
    reference = largest_share(scores)
    return (scores.accuracy_low - reference) / (1 - reference) if reference < 1 else 0.0


def can_judge_labels(scores: PartMetrics) -> bool:
    """Return whether a variant with these scores knows enough that its contradiction makes a label suspect."""
    return measure_skill(scores) >= LEAST_SKILL


def least_accuracy(scores: PartMetrics) -> float:
    """Return what the lower end of the accuracy's interval has to reach on this part, 0..1."""
    reference = largest_share(scores)
    return reference + LEAST_SKILL * (1 - reference)
