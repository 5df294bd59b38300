"""Results of a published report, with the directories of its trainings in the workspace that has the report."""

from pathlib import Path

from data.records.run import RunResults
from data.workspace.layout import RESULTS_NAME, VARIANTS_STAGE


def read_results(report: Path) -> RunResults:
    """Read the results of a published report.

    Args:
        report: directory of the report, in its workspace.

    Raises:
        OSError, ValidationError: they cannot be read, or were written by a version that cannot be read here.
    """
    results = RunResults.model_validate_json((report / RESULTS_NAME).read_bytes())
    trainings = report.resolve().parents[1] / VARIANTS_STAGE
    variants = tuple(
        one.model_copy(update={"directory": str(trainings / one.training)}) if one.training else one
        for one in results.variants
    )
    return results.model_copy(update={"variants": variants})
