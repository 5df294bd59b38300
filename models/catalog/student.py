"""The student: a network of the table that learns from what the trained variants answer, as a variant of its own.

What teaches it was trained on the same train part and chosen on selection; validation chose nothing of it.
"""

import math
from collections.abc import Sequence

from data.records.training import VariantResult
from models.catalog.train_config import ENSEMBLE_NAME, STUDENT_NAME
from models.catalog.variants import Variant


def choose_teacher(variants: Sequence[VariantResult]) -> VariantResult | None:
    """Return the ensemble where there is one, else the variant of the lowest log loss on selection, if any.

    Where a run's vote was not better than one variant alone, that one is the teacher.

    Args:
        variants: of one run, also those that were not trained.
    """
    scored = [variant for variant in variants if variant.status == "trained" and "selection" in variant.parts]
    able = [variant for variant in scored if math.isfinite(variant.parts["selection"].log_loss)]
    vote = next((variant for variant in able if variant.name == ENSEMBLE_NAME), None)
    return vote or min(able, key=lambda variant: variant.parts["selection"].log_loss, default=None)


def make_student(network: Variant, teacher: str) -> Variant:
    """Return the variant that has this network's architecture and learns from the variant of this name.

    Where the teacher is not known, as in a run that trained none, the name is empty.
    """
    source = "the ensemble" if teacher == ENSEMBLE_NAME else f"{teacher} alone" if teacher else "other variants"
    description = f"{network.name} taught by {source}: {network.description}"
    return network.model_copy(update={"name": STUDENT_NAME, "description": description, "published": None})
