"""Answers to the notebook's open questions, each from pairs of variants that were named beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.records.analysis import PairAnswer, Topic
from data.records.training import VariantResult
from models.catalog.variants import VARIANTS
from models.evaluation.paired import holm_correction, mcnemar_p_value, paired_intervals

OWN_NETWORKS = sorted(
    (name for name in VARIANTS if not VARIANTS[name].pretrained), key=lambda name: VARIANTS[name].reference_rank
)
"""Networks without pretrained weights. Pretrained variants are compared with the first of them that a run has: it is
chosen by this order and not by its accuracy."""

TUNED_ENDING = "_tuned"

AUGMENTING = ("flip", "shift_pixels")
"""Settings of a recipe that augment images, on top of the views."""

Pair = tuple[Topic, str, str]


def answer_questions(
    variants: Sequence[VariantResult], correct: Mapping[str, np.ndarray], seed: int
) -> tuple[PairAnswer, ...]:
    """Compare the pairs of variants that answer a question; tests and intervals hold for all of them at once.

    Args:
        variants: trained variants.
        correct: variant -> (n,) booleans, right or wrong on each validation image in one order.
        seed: seed of the bootstrap.
    """
    pairs = list_pairs(list(correct))
    named = [(first, second) for _, first, second in pairs]
    intervals = paired_intervals(dict(correct), named, seed) if pairs else []
    p_values = [mcnemar_p_value(correct[first], correct[second]) for first, second in named]
    recipes = {variant.name: variant.train_config for variant in variants}
    return tuple(
        PairAnswer(
            topic=topic,
            first=first,
            second=second,
            difference=float(correct[first].mean() - correct[second].mean()),
            low=low,
            high=high,
            p_value=p_value,
            p_holm=p_holm,
            recipe_differs=_differing(topic, recipes[first], recipes[second]),
        )
        for (topic, first, second), (low, high), p_value, p_holm in zip(
            pairs, intervals, p_values, holm_correction(p_values), strict=True
        )
    )


def list_pairs(names: Sequence[str]) -> list[Pair]:
    """List the pairs of these variants that answer a question: topic, the variant with more of it, the other one."""
    own = next((name for name in OWN_NETWORKS if name in names), "")
    pretrained = [name for name in VARIANTS if VARIANTS[name].pretrained]
    tuned = [name for name in pretrained if name.endswith(TUNED_ENDING)]
    frozen = [name for name in pretrained if name not in tuned]
    same_backbone = [(t, f) for t in tuned for f in frozen if VARIANTS[t].backbone == VARIANTS[f].backbone]
    by_topic: dict[Topic, list[tuple[str, str]]] = {
        "colour": [("cnn_rgb", "cnn_gray"), ("light_rgb", "light")],
        "frozen": [(name, own) for name in frozen],
        "fine-tuned": [(name, own) for name in tuned],
        "fine-tuning": same_backbone,
        "augmentation": [("light", "light_plain")],
        "depth": [("cnn_3", "cnn_2"), ("residual", "compact"), ("light", "light_shallow")],
    }
    wanted: list[Pair] = [(topic, *pair) for topic, pairs in by_topic.items() for pair in pairs]
    return [pair for pair in wanted if pair[1] in names and pair[2] in names]


def _differing(topic: Topic, first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """List the settings that differ; where augmentation is asked about, not those that augment."""
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    return tuple(name for name in names if topic != "augmentation" or name not in AUGMENTING)
