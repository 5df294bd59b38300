"""Labels that a run judges its variants by, from its data set, and its variants judged by them."""

from data.manifest.table import read_manifest
from data.records.training import VariantResult
from data.records.truths import TruthName
from data.workspace.layout import MANIFEST_NAME
from data.workspace.store import Produced
from models.evaluation.judging import PUBLISHED, Truth, judge_variant, make_truth
from tasks.dataset.validate import load_summary


def load_truth(dataset: Produced, name: TruthName) -> Truth:
    """Read the labels of this name from a clean data set.

    Raises:
        PipelineError: no validation image has such a label.
    """
    if name == "published":
        return PUBLISHED
    return make_truth(name, read_manifest(dataset.path / MANIFEST_NAME), load_summary(dataset).data_format.labels)


def judge_variants(variants: list[VariantResult], dataset: Produced, name: TruthName) -> list[VariantResult]:
    """Return the variants of a run with their scores by the labels of this name."""
    truth, classes = load_truth(dataset, name), load_summary(dataset).data_format.labels
    return [judge_variant(variant, truth, classes) for variant in variants]
