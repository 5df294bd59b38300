"""Judge a data set, set aside what must be, and judge what is left."""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from data.clean import CleaningPolicy
from data.datasheet import FER2013_FACTS, SAMPLE_FACTS, DatasheetFacts, write_datasheet
from data.errors import DataRejected
from data.manifest import read_manifest
from data.profile import make_profile, write_profile
from data.records import DataSummary, Finding
from data.source import DatasetSource
from data.workspace import Produced, Workspace, digest_sources
from expectations.counts import choose_profile
from expectations.judgement import judge_data_set
from expectations.policies import RulePolicies, policies_to_rules
from expectations.rules import DataRules, published_rules
from expectations.validation import prune_data_docs, write_data_docs
from tasks.inventory import MANIFEST_NAME
from tasks.stages import finish

DATASETS_STAGE = "datasets"
SUMMARY_NAME = "summary.json"
QUARANTINE_NAME = "quarantine.parquet"
PROFILE_NAME = "profile.json"
DATASHEET_NAME = "datasheet.md"
DATA_DOCS_FOLDER = "data_docs"
KEPT_DATA_DOCS = 8


@task(task_run_name="validate data", cache_policy=NO_CACHE)
def validate_data(
    manifest: Produced, source: DatasetSource, policies: RulePolicies, seed: int, workspace: Workspace
) -> Produced:
    """Write the verdict, the quarantine list and the clean manifest with its parts.

    Raises:
        DataRejected: an expectation of critical severity failed; the verdict is kept and on the artifact.
    """
    rules, cleaning = policies_to_rules(policies)
    inputs = {
        "manifest": manifest.key,
        "source": source.model_dump(mode="json"),
        "policies": policies.model_dump(mode="json"),
        "seed": seed,
        "code": digest_sources(["expectations.judgement", "expectations.policies", "data.profile", "data.datasheet"]),
    }

    def write(out: Path) -> None:
        published = read_manifest(manifest.path / MANIFEST_NAME)
        judgement = judge_data_set(published, source, cleaning, seed, rules)
        judgement.clean.to_parquet(out / MANIFEST_NAME, index=False)
        judgement.quarantine.to_parquet(out / QUARANTINE_NAME, index=False)
        (out / SUMMARY_NAME).write_text(judgement.summary.model_dump_json(indent=1))
        write_profile(make_profile(published), out / PROFILE_NAME)
        write_datasheet(judgement.summary, known_facts(source, judgement.summary), out / DATASHEET_NAME)

    dataset = workspace.produce(DATASETS_STAGE, inputs, write)
    summary = load_summary(dataset)
    _publish(summary)
    _write_docs(dataset, manifest, rules, cleaning, workspace)
    _refuse_critical(summary, dataset)
    return finish(dataset, dataset.cached)


def known_facts(source: DatasetSource, summary: DataSummary) -> DatasheetFacts:
    """Return what people know of a data set: of the sample, or of the set behind the notebook's, by its counts."""
    if source.kind == "sample":
        return SAMPLE_FACTS
    return FER2013_FACTS if choose_profile("recognise", summary.counts_published) else DatasheetFacts()


def _write_docs(
    dataset: Produced, manifest: Produced, rules: DataRules, cleaning: CleaningPolicy, workspace: Workspace
) -> None:
    """Keep Great Expectations' own pages of the latest data sets, for those who know them."""
    pages = workspace.root / DATA_DOCS_FOLDER / dataset.key
    if not pages.exists():
        write_data_docs(read_manifest(manifest.path / MANIFEST_NAME), published_rules(rules, cleaning), pages)
        prune_data_docs(pages.parent, KEPT_DATA_DOCS)
    get_run_logger().info("Great Expectations' pages: %s", pages / "index.html")


def load_summary(dataset: Produced) -> DataSummary:
    """Return the summary of a judged data set."""
    return DataSummary.model_validate_json((dataset.path / SUMMARY_NAME).read_text())


def critical_findings(summary: DataSummary) -> list[Finding]:
    """Return what stops a run: critical findings that cleaning could not mend."""
    return [*summary.before.failed("critical"), *summary.after.failed("critical")]


def _publish(summary: DataSummary) -> None:
    logger = get_run_logger()
    for finding in summary.before.findings:
        if not finding.success:
            logger.warning("%s: %s", finding.severity, finding.message)
    for count in summary.quarantine:
        logger.info("quarantined %d images: %s", count.images, count.reason)
    create_table_artifact(
        key="data-quality",
        table=[
            {
                "judged": when,
                "rule": finding.rule,
                "severity": finding.severity,
                "passed": "yes" if finding.success else "no",
                "observed": str(finding.observed),
                "expected": finding.expected,
            }
            for when, verdict in (("as published", summary.before), ("after cleaning", summary.after))
            for finding in verdict.findings
        ],
        description=f"Data quality of {summary.source}",
    )


def _refuse_critical(summary: DataSummary, dataset: Produced) -> None:
    critical = critical_findings(summary)
    if critical:
        raise DataRejected(
            "the data set is refused, nothing was trained: "
            + " ".join(finding.message for finding in critical)
            + f" Mend the data set; all findings are in {dataset.path / SUMMARY_NAME}",
            dataset.path,
        )
