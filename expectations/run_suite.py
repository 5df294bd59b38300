"""The verdict on a manifest: the suite is run, and each result becomes a finding with its severity."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from data.base.errors import PipelineError
from data.manifest.table import require_columns
from data.records.dataset import NOT_CHECKED, Finding, Verdict
from expectations.counts import Counts, count_images
from expectations.rules import NEAR_DUPLICATE_RULES, DataRules
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
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`; near-duplicates are judged where it has the
            column `group` of `data.manifest.near_duplicates.find_near_duplicates`.
        rules: what to expect and how severe a breach is; see `published_rules` and `cleaned_rules`.
        published_counts: split -> class -> files before a person corrected labels; None where nobody did.

    Returns:
        One finding a rule. An expectation that could not be checked is a critical failure, whatever its severity.

    Raises:
        PipelineError: the manifest lacks columns or has no row.
    """
    _require_rows(manifest)
    return Verdict(findings=tuple(map(_to_finding, _run_suite(_open_context(), manifest, rules, published_counts))))


def write_data_docs(
    manifest: pd.DataFrame, rules: DataRules, out: Path, published_counts: Counts | None = None
) -> Path:
    """Write Great Expectations' own pages on a manifest: the suite, and what each expectation saw.

    About 4 MB, most of it fonts. The pages are readable from disk; their style sheets are fetched by the browser.

    Args:
        manifest: one row an image, see `data.manifest.table.COLUMN_TYPES`.
        rules: as for `validate_manifest`, which gives the verdict that counts.
        out: an empty directory, made where it is missing; named by the caller after the manifest, so that one data
            set's pages always stand at one place.
        published_counts: as for `validate_manifest`.

    Returns:
        The path of index.html.

    Raises:
        PipelineError: the manifest lacks columns or has no row.
    """
    _require_rows(manifest)
    context = _open_context()
    context.add_data_docs_site(
        "pages",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(out.resolve())},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    _run_suite(context, manifest, rules, published_counts)
    context.build_data_docs(site_names=["pages"])
    return out / "index.html"


def prune_data_docs(root: Path, keep: int) -> list[Path]:
    """Remove all but the newest directories of pages below `root`, by the time they were last changed.

    Args:
        root: holds one directory a data set; names that start with a dot are let be.
        keep: how many stay, at least 1.

    Returns:
        What was removed, oldest first.

    Raises:
        PipelineError: `keep` is less than 1.
    """
    if keep < 1:
        raise PipelineError(f"keep is {keep}; expected at least 1, the pages of the latest data set")
    directories = [path for path in root.glob("*") if path.is_dir() and not path.name.startswith(".")]
    oldest_first = sorted(directories, key=lambda path: (path.stat().st_mtime_ns, path.name))
    for path in oldest_first[:-keep]:
        shutil.rmtree(path)
    return oldest_first[:-keep]


def _require_rows(manifest: pd.DataFrame) -> None:
    require_columns(manifest)
    if manifest.empty:
        raise PipelineError("the manifest has no row; expected one an image: look at the source and at the quarantine")


def _open_context() -> Any:
    """Return Great Expectations' context: in memory, silent, and reporting to nobody."""
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


def _run_suite(context: Any, manifest: pd.DataFrame, rules: DataRules, published_counts: Counts | None) -> list[Any]:
    """Return Great Expectations' results, one an expectation, in the suite's order."""
    import great_expectations as gx

    from expectations.suite import build_suite, prepare_frame

    asset = context.data_sources.add_pandas("manifest").add_dataframe_asset("images")
    batch_definition = asset.add_batch_definition_whole_dataframe("all")
    if "group" not in manifest:
        rules = rules.model_copy(update={"unchecked": (*rules.unchecked, *NEAR_DUPLICATE_RULES)})
    suite = context.suites.add(build_suite(rules, published_counts or count_images(manifest, "split")))
    validation = gx.ValidationDefinition(name="manifest", data=batch_definition, suite=suite)
    outcome = context.validation_definitions.add(validation).run(
        batch_parameters={"dataframe": prepare_frame(manifest)}, result_format=RESULT_FORMAT
    )
    return list(outcome.results)


def _to_finding(result: Any) -> Finding:
    config = result.expectation_config
    exception = _find_exception(result.exception_info)
    if exception:
        seen = {"severity": "critical", "observed": NOT_CHECKED, "message": f"could not be checked: {exception}"}
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
    images, values = int(found["unexpected_count"]), found.get("unexpected_list") or []
    message = count_found(images, config.meta["noun"], config.meta["phrase"])
    return {
        "observed": images,
        "message": f"{message}: {name_values(values)}" if values and config.meta["names_values"] else message,
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
