"""Distillation: choice of the teacher, and the student as a variant that learns from the teacher's probabilities.

The teacher was trained on the same train part and chosen on selection; validation was not used to choose it.
"""

import math
from collections.abc import Sequence

from data.records.training import VariantResult
from models.catalog.train_config import ENSEMBLE_NAME, STUDENT_NAME
from models.catalog.variants import Variant


def choose_teacher(variants: Sequence[VariantResult]) -> VariantResult | None:
    """Choose the ensemble if it was trained, else the variant with the lowest log loss on selection, if any.

    A run has no trained ensemble if a single variant was better; then that variant is the teacher.

    Args:
        variants: all variants of one run, including those that were not trained.
    """
    scored = [variant for variant in variants if variant.status == "trained" and "selection" in variant.parts]
    candidates = [variant for variant in scored if math.isfinite(variant.parts["selection"].log_loss)]
    ensemble = next((variant for variant in candidates if variant.name == ENSEMBLE_NAME), None)
    return ensemble or min(candidates, key=lambda variant: variant.parts["selection"].log_loss, default=None)


def make_student(network: Variant, teacher: str) -> Variant:
    """Return the student: a variant with this network's architecture that learns from the teacher.

    Args:
        network: variant whose architecture the student has.
        teacher: name of the variant to learn from; empty if it is not known because the run trained no variant.
    """
    source = "the ensemble" if teacher == ENSEMBLE_NAME else f"{teacher} alone" if teacher else "other variants"
    description = f"{network.name} taught by {source}: {network.description}"
    return network.model_copy(update={"name": STUDENT_NAME, "description": description, "published": None})
