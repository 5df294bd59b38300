"""The verdict on a manifest: the suite is run, and each result becomes a finding with its severity."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from data.errors import PipelineError
from data.manifest import require_columns
from data.records import Finding, Verdict
from expectations.rules import DataRules
from expectations.wording import EXAMPLES, count_found

logger = logging.getLogger(__name__)

RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["path"],
    "return_unexpected_index_query": False,
}


def validate_manifest(manifest: pd.DataFrame, rules: DataRules) -> Verdict:
    """Validate a manifest with Great Expectations, in memory.

    Args:
        manifest: one row an image, see `data.manifest.COLUMN_TYPES`.
        rules: what to expect and how severe a breach is; see `published_rules` and `cleaned_rules`.

    Returns:
        One finding a rule. An expectation that could not be checked is a critical failure, whatever its severity.

    Raises:
        PipelineError: the manifest lacks columns or has no row.
    """
    require_columns(manifest)
    if manifest.empty:
        raise PipelineError("the manifest has no row; expected one an image: look at the source and at the quarantine")
    return Verdict(findings=tuple(_to_finding(result) for result in _run_suite(manifest, rules)))


def _run_suite(manifest: pd.DataFrame, rules: DataRules) -> list[Any]:
    """Return Great Expectations' results, one an expectation, in the suite's order."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from expectations.suite import build_suite, prepare_frame

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("manifest").add_dataframe_asset("images")
    batch_definition = asset.add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(build_suite(rules))
    validation = gx.ValidationDefinition(name="manifest", data=batch_definition, suite=suite)
    outcome = context.validation_definitions.add(validation).run(
        batch_parameters={"dataframe": prepare_frame(manifest)}, result_format=RESULT_FORMAT
    )
    return list(outcome.results)


def _to_finding(result: Any) -> Finding:
    config = result.expectation_config
    exception = _find_exception(result.exception_info)
    if exception:
        seen = {"severity": "critical", "observed": "not checked", "message": f"could not be checked: {exception}"}
    else:
        seen = {"severity": getattr(config.severity, "value", config.severity), **_read_result(result.result, config)}
    success = bool(result.success) and not exception
    return Finding.model_validate(
        {"rule": config.meta["rule"], "expected": config.meta["expected"], "success": success, **seen}
    )


def _read_result(found: Mapping[str, Any], config: Any) -> dict[str, Any]:
    """Return figure, sentence and examples of a built-in expectation on rows, or of one of our own."""
    if "unexpected_count" not in found:
        details = found["details"]
        return {"observed": found["observed_value"], "message": details["message"], "examples": details["paths"]}
    images = int(found["unexpected_count"])
    return {
        "observed": images,
        "message": count_found(images, "image", config.meta["phrase"]),
        "examples": [row["path"] for row in (found.get("unexpected_index_list") or [])[:EXAMPLES]],
    }


def _find_exception(info: Mapping[str, Any] | None) -> str:
    """Return the message of an exception that kept an expectation from being checked, or an empty string.

    Great Expectations gives either the exception's fields, or one such mapping for each metric that failed.
    """
    nested = [value for value in (info or {}).values() if isinstance(value, Mapping)]
    for entry in [info or {}, *nested]:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return ""
