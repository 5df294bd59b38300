"""Runner of the suite: validates a manifest and turns each result into a finding with its severity."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.manifest.face_columns import FACES
from data.manifest.table import require_columns
from data.quality.rules import RULES, allowed_values
from data.records.dataset import NOT_CHECKED, Finding, Verdict
from data.votes.column import VOTES
from expectations.counts import Counts, count_images
from expectations.rules import DataRules
from expectations.wording import EXAMPLES, count_found, name_values

logger = logging.getLogger(__name__)

RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["path"],
    "return_unexpected_index_query": False,
}


def validate_manifest(manifest: pd.DataFrame, rules: DataRules, published_counts: Counts | None = None) -> Verdict:
    """Validate a manifest with Great Expectations, in memory.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`; near-duplicates are judged if it has
            the column `group` of `data.manifest.near_duplicates.find_near_duplicates`.
        rules: what to expect and how severe a breach is; see `expectations.rules.published_rules` and `cleaned_rules`.
        published_counts: split -> class -> files before a person corrected labels; None if nobody did.

    Returns:
        One finding for each rule. A check that raised is a critical failure, whatever the severity of its rule.

    Raises:
        PipelineError: columns of the manifest are missing, or it has no row.
    """
    from expectations.suite import prepare_frame

    require_rows(manifest)
    frame = prepare_frame(manifest, rules.data_format)
    others = _count_other_values(frame, rules.data_format)
    results = run_suite(open_context(), frame, rules, published_counts)
    return Verdict(findings=tuple(_to_finding(result, others, rules) for result in results))


def require_rows(manifest: pd.DataFrame) -> None:
    """Check that there is something to validate.

    Raises:
        PipelineError: columns of the manifest are missing, or it has no row.
    """
    require_columns(manifest)
    if manifest.empty:
        raise PipelineError("the manifest has no row; expected one for each image: check the source and the quarantine")


def open_context() -> Any:
    """Open a context of Great Expectations: in memory, without progress bars, telemetry off."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def run_suite(context: Any, frame: pd.DataFrame, rules: DataRules, published_counts: Counts | None) -> list[Any]:
    """Run the suite on a frame of `expectations.suite.prepare_frame`.

    Returns:
        One result for each expectation, in the suite's order.
    """
    import great_expectations as gx

    from expectations.suite import build_suite

    asset = context.data_sources.add_pandas("manifest").add_dataframe_asset("images")
    batch_definition = asset.add_batch_definition_whole_dataframe("all")
    missing = [
        rule.name
        for rule in RULES.values()
        if (rule.needs_groups and "group" not in frame)
        or (rule.needs_faces and FACES not in frame)
        or (rule.needs_votes and VOTES not in frame)
    ]
    rules = rules.model_copy(update={"unchecked": (*rules.unchecked, *missing)})
    suite = context.suites.add(build_suite(rules, published_counts or count_images(frame, "split")))
    validation = gx.ValidationDefinition(name="manifest", data=batch_definition, suite=suite)
    outcome = context.validation_definitions.add(validation).run(
        batch_parameters={"dataframe": frame}, result_format=RESULT_FORMAT
    )
    return list(outcome.results)


def _count_other_values(frame: pd.DataFrame, data_format: DataFormat) -> dict[str, dict[str, int]]:
    """Count the values that a rule does not allow, by rule: Great Expectations lists the first 200 images alone."""
    found: dict[str, dict[str, int]] = {}
    for rule in RULES.values():
        allowed = allowed_values(rule, data_format)
        if allowed and rule.names_values:
            values = frame[rule.column].dropna()
            counts = values[~values.isin(allowed)].value_counts()
            found[rule.name] = {str(value): int(images) for value, images in counts.items()}
    return found


def _to_finding(result: Any, others: Mapping[str, Mapping[str, int]], rules: DataRules) -> Finding:
    config = result.expectation_config
    exception = _find_exception(result.exception_info)
    if exception:
        seen = {"severity": "critical", "observed": NOT_CHECKED, "message": f"could not be checked: {exception}"}
    else:
        seen = {
            "severity": getattr(config.severity, "value", config.severity),
            **_read_result(result.result, config, others, rules),
        }
    success = bool(result.success) and not exception
    return Finding.model_validate(
        {"rule": config.meta["rule"], "expected": config.meta["expected"], "success": success, **seen}
    )


def _read_result(
    found: Mapping[str, Any], config: Any, others: Mapping[str, Mapping[str, int]], rules: DataRules
) -> dict[str, Any]:
    """Return figure, sentence and examples from the result of a built-in or a custom expectation."""
    if "unexpected_count" not in found:
        details = found["details"]
        return {"observed": found["observed_value"], "message": details["message"], "examples": details["paths"]}
    rule = RULES[config.meta["rule"]]
    images, values = int(found["unexpected_count"]), others.get(rule.name)
    noun, phrase = rule.found[0]
    message = count_found(images, noun, rules.fill_in(phrase))
    named = f": {name_values(values, allowed_values(rule, rules.data_format))}" if values else ""
    return {
        "observed": images,
        "message": f"{message}{named}",
        "examples": [row["path"] for row in (found.get("unexpected_index_list") or [])[:EXAMPLES]],
    }


def _find_exception(info: Mapping[str, Any] | None) -> str:
    """Return the message of the exception that an expectation raised, or an empty string.

    Great Expectations gives either the exception's fields, or one such mapping for each failed metric.
    """
    nested = [value for value in (info or {}).values() if isinstance(value, Mapping)]
    for entry in [info or {}, *nested]:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return ""
