"""Records of exports that were never made."""

from data.base.data_format import SEED_FORMAT
from data.records.export import ExportBundle

VARIANT_KEY = "0" * 16


def make_bundle(**fields) -> ExportBundle:
    """Return the record of an export without formats."""
    known = {
        "variant": "tiny",
        "variant_key": VARIANT_KEY,
        "data_format": SEED_FORMAT,
        "temperature": 1.0,
        "threshold": 0.6,
        "validation_images": 400,
        "accuracy": 0.8,
        "accuracy_low": 0.75,
        "accuracy_high": 0.85,
        "accepted_accuracy": 0.9,
        "recalls": (0.8,) * 4,
        "parameters": 100,
        "formats": (),
    }
    return ExportBundle.model_validate({**known, **fields})
