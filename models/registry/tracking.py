"""Child command that writes a finished run into MLflow: `python -m models.registry.tracking DIR`.

DIR/spec.json names the report, and the command writes DIR/result.json. Everything is read from stored results, so it
can be written later if MLflow is unreachable now. Runs are found again by their tags, and metrics have the times of the
training: a report that is written twice appears once, and a write that was interrupted is completed by the next one.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, ValidationError

from data.base.record import Record
from data.base.times import parse_time
from data.records.run import RunResults
from data.records.training import VariantResult
from data.system.child_process import emit, run_child
from data.workspace.atomic import write_atomically
from data.workspace.digests import hash_json
from data.workspace.layout import DATASETS_STAGE, TRACKED_STAGE
from data.workspace.run_results import read_results
from data.workspace.stage_record import RECORD_NAME
from models.jobs.events import Started, Tracked, TrackingDone
from models.jobs.files import NETWORK_NAME, RESULT_NAME, SPEC_NAME, VARIANT_FILES
from models.registry.connection import (
    MODEL_NAME,
    artifact_location,
    connect,
    mlflow_errors,
    name_store,
    tracking_uri,
)
from models.registry.experiment import find_experiment
from models.registry.figures import epoch_figures, final_figures
from models.registry.packaging import save_package
from models.registry.tags import DECISION_TAG, NAME_TAG, REPORT_TAG, VARIANT_TAG, WORKSPACE_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Run


logger = logging.getLogger(__name__)

PARENT_TAG = "mlflow.parentRunId"

DIRECTORY_TAG = "emotion.report_directory"

BATCH = 100
"""Number of params or tags that MLflow accepts in one call; it accepts ten times as many metrics."""

PARAM_LENGTH = 6000


class TrackSpec(Record):
    """Specification of a report to write: DIR/spec.json."""

    report: Path = Field(description="directory of the finished report")
    workspace: Path
    workspace_id: str = Field(description="id of the workspace; pruning removes only runs with its own id")
    flow_run_id: str = Field(default="", description="Prefect's id of the run that made the report")


class TrackedVariant(Record):
    """A variant's run in MLflow."""

    model_config = ConfigDict(extra="ignore")  # earlier versions stored the model's place on their host too

    run_id: str
    model_id: str = Field(default="", description="of the logged model; empty if the variant has none")


class TrackedReport(Record):
    """Runs of a report in MLflow: `result.json`."""

    store: str = Field(description="tracking URI, without a password")
    experiment_id: str
    run_id: str
    variants: dict[str, TrackedVariant] = Field(description="trained or failed variant -> its run")


def main() -> None:
    """Run the command on the directory named in the arguments."""
    directory = Path(sys.argv[1])
    spec = TrackSpec.model_validate_json((directory / SPEC_NAME).read_bytes())
    emit(Started())
    tracked = track_report(spec)
    write_atomically(directory / RESULT_NAME, tracked.model_dump_json(indent=1))
    emit(TrackingDone(run_id=tracked.run_id))


def track_report(spec: TrackSpec) -> TrackedReport:
    """Write a report as a run, with a child run for each variant that was trained or failed.

    Raises:
        TransientError: MLflow is unreachable; what was written stays, and the next write completes it.
    """
    results = read_results(spec.report)
    client, uri = connect(spec.workspace), tracking_uri(spec.workspace)
    with mlflow_errors(uri):
        writer = ReportWriter(client, find_experiment(client, spec.workspace), spec, results)
        variants = {v.name: writer.write_variant(v) for v in results.variants if v.status != "skipped"}
        writer.write_report()
    return TrackedReport(
        store=name_store(spec.workspace),
        experiment_id=writer.experiment,
        run_id=writer.run.info.run_id,
        variants=variants,
    )


def tracking_inputs(report_key: str, workspace: Path) -> dict[str, str]:
    """Collect the inputs of the stage of a tracked report; its key is their hash."""
    return {"report": report_key, "store": name_store(workspace)}


def find_tracked(workspace: Path, report_key: str) -> TrackedReport | None:
    """Find the runs of a report in MLflow; None if it was not written yet, was pruned or is damaged."""
    result = workspace / TRACKED_STAGE / hash_json(tracking_inputs(report_key, workspace)) / RESULT_NAME
    try:
        return TrackedReport.model_validate_json(result.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        logger.warning("%s cannot be read (%s): the report's runs in MLflow are not known", result, error)
        return None


def _decision_text(results: RunResults) -> str:
    """Word the decision on the champion as one sentence; empty if there was none."""
    return f"{results.decision.outcome}: {results.decision.summary}" if results.decision else ""


class ReportWriter:
    """Writer of one report; a finished run is not written again.

    Args:
        client: client of MLflow.
        experiment: id of the experiment.
        spec: the report and the run that made it.
        results: results of the report.
    """

    def __init__(self, client: "MlflowClient", experiment: str, spec: TrackSpec, results: RunResults) -> None:
        self.client, self.experiment, self.spec, self.results = client, experiment, spec, results
        self.key = spec.report.name
        self.began = round(parse_time(results.started).timestamp() * 1000)
        self.run = self._find_run(results.run_name, {REPORT_TAG: self.key, VARIANT_TAG: ""}, self._origin())

    def write_report(self) -> None:
        """Write everything that concerns the whole run, and mark the run as finished; to be called last."""
        if is_finished(self.run):
            return
        run_id, results = self.run.info.run_id, self.results
        params = {
            "source": results.data.source,
            "preset": results.preset,
            "seed": results.seed,
            "truth": results.truth,
            "command": results.command,
            "augmentation": results.augmentation,
        }
        metrics = {"seconds": results.seconds}
        if results.best:
            best = results.best
            metrics |= {"best/accuracy": best.accuracy, "best/accuracy_low": best.low, "best/accuracy_high": best.high}
        self._log(run_id, params, [self._metric(name, value) for name, value in metrics.items()])
        self.client.log_inputs(run_id, datasets=self._datasets("training"))
        self.client.log_dict(run_id, results.lineage, "lineage.json")
        environment = {"code": results.code_version, **results.hardware, **results.versions}
        self.client.log_dict(run_id, environment, "environment.json")
        for path in sorted(self.spec.report.iterdir()):
            if path.name != RECORD_NAME:
                self.client.log_artifact(run_id, str(path), "report")
        self.client.set_terminated(run_id, end_time=self.began + round(1000 * results.seconds))
        emit(Tracked(run="report"))

    def write_variant(self, variant: VariantResult) -> TrackedVariant:
        """Write the run of a variant: recipe, epochs, final figures, files and model."""
        directory = Path(variant.directory) if variant.directory else None
        key = variant.training or variant.name
        tags = {REPORT_TAG: self.key, VARIANT_TAG: key}
        named = {PARENT_TAG: self.run.info.run_id, NAME_TAG: variant.name, **self._origin()}
        run = self._find_run(variant.name, tags, named)
        if not is_finished(run):
            self._write_figures(run.info.run_id, variant)
            self._write_files(run.info.run_id, variant, directory)
        tracked = self._write_model(run.info.run_id, variant, directory)
        if not is_finished(run):
            status = "FINISHED" if variant.status == "trained" else "FAILED"
            end = self.began + round(1000 * variant.wall_seconds)
            self.client.set_terminated(run.info.run_id, status=status, end_time=end)
        emit(Tracked(run=variant.name))
        return tracked

    def _origin(self) -> dict[str, str]:
        """Collect the tags that lead back to the origin of the report."""
        tags = {
            WORKSPACE_TAG: self.spec.workspace_id,
            "emotion.dataset": self.results.lineage.get(DATASETS_STAGE, ""),
            "prefect.flow_run_id": self.spec.flow_run_id,
            "prefect.flow_run_name": self.results.run_name,
            "prefect.url": self.results.prefect_url,
            "mlflow.source.git.commit": self.results.code_version,
            DECISION_TAG: _decision_text(self.results),
        }
        return {name: value for name, value in tags.items() if value}

    def _find_run(self, name: str, key_tags: Mapping[str, str], tags: Mapping[str, str]) -> "Run":
        """Find the run of this workspace with these key tags; create it with all tags in one call if it is missing.

        Another workspace may have the same report, since keys depend on contents only: its runs are its own.
        """
        wanted = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in key_tags.items() if value)
        found = self.client.search_runs([self.experiment], filter_string=wanted, max_results=1000)
        own = [run for run in found if self._is_own(run.data.tags)]
        same = [run for run in own if all(run.data.tags.get(tag, "") == value for tag, value in key_tags.items())]
        if same:
            return same[-1]
        given = {tag: value for tag, value in {**key_tags, **tags}.items() if value}
        return self.client.create_run(self.experiment, start_time=self.began, tags=given, run_name=name)

    def _is_own(self, tags: Mapping[str, str]) -> bool:
        """Check whether this workspace wrote a run; one of an earlier version has the report's directory only.

        That says nothing if the workspace was moved, so without a tag every run in its own database counts.
        """
        if WORKSPACE_TAG in tags:
            return tags[WORKSPACE_TAG] == self.spec.workspace_id
        return artifact_location(self.spec.workspace) is not None or tags.get(DIRECTORY_TAG) == str(self.spec.report)

    def _write_figures(self, run_id: str, variant: VariantResult) -> None:
        params = {
            "truth": self.results.truth,
            "train": variant.train_config,
            "augmentation": variant.augmentation,
            "plan": variant.plan.model_dump(mode="json"),
            "description": variant.description,
        }
        if variant.reason:
            self.client.set_tag(run_id, "emotion.reason", variant.reason[:PARAM_LENGTH])
        final = [self._metric(name, value) for name, value in final_figures(variant).items()]
        self._log(run_id, params, [*self._epoch_metrics(variant), *final])
        self.client.log_inputs(run_id, datasets=self._datasets("training"))

    def _write_files(self, run_id: str, variant: VariantResult, directory: Path | None) -> None:
        for name in VARIANT_FILES:
            if directory and (directory / name).is_file():  # an ensemble has no plan.json, a pruned variant has no file
                self.client.log_artifact(run_id, str(directory / name))
        self.client.log_dict(run_id, variant.made_with, "environment.json")
        self.client.log_dict(run_id, self.results.lineage, "lineage.json")

    def _write_model(self, run_id: str, variant: VariantResult, directory: Path | None) -> TrackedVariant:
        """Store the network as a logged model; a model that an interruption left unfinished is completed."""
        if variant.status != "trained":
            return TrackedVariant(run_id=run_id)
        found = self.client.search_logged_models([self.experiment], filter_string=f"source_run_id = '{run_id}'")
        model = next(iter(found), None)
        if model and model.status == "READY":
            return TrackedVariant(run_id=run_id, model_id=model.model_id)
        if directory is None or not (directory / NETWORK_NAME).is_file():
            return TrackedVariant(run_id=run_id)
        if model is None:
            tags = {REPORT_TAG: self.key, VARIANT_TAG: directory.name, WORKSPACE_TAG: self.spec.workspace_id}
            model = self.client.create_logged_model(
                self.experiment, name=MODEL_NAME, source_run_id=run_id, tags=tags, model_type=variant.name
            )
        with TemporaryDirectory(prefix="emotion-model-") as folder:
            package = Path(folder) / "model"
            save_package(directory / NETWORK_NAME, package, run_id, model.model_id, variant.data_format)
            self.client.log_model_artifacts(model.model_id, str(package))
        self._link_model(run_id, model.model_id, variant.best_epoch)
        self.client.finalize_logged_model(model.model_id, "READY")
        return TrackedVariant(run_id=run_id, model_id=model.model_id)

    def _link_model(self, run_id: str, model_id: str, epoch: int) -> None:
        """List the model among the outputs of its run, once."""
        from mlflow.entities import LoggedModelOutput

        outputs = self.client.get_run(run_id).outputs
        if model_id not in {one.model_id for one in (outputs.model_outputs if outputs else [])}:
            self.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=epoch)])

    def _epoch_metrics(self, variant: VariantResult) -> Iterator["Metric"]:
        """Yield the metrics of every epoch, at its end time if the training had started with the run."""
        ends = accumulate(epoch.seconds for epoch in variant.epochs)
        for epoch, seconds in zip(variant.epochs, ends, strict=True):
            for name, value in epoch_figures(epoch, variant.monitor).items():
                yield self._metric(f"epoch/{name}", value, epoch.epoch, seconds)

    def _metric(self, name: str, value: float, step: int = 0, seconds: float = 0.0) -> "Metric":
        from mlflow.entities import Metric

        return Metric(name, float(value), self.began + round(1000 * seconds), step)

    def _log(self, run_id: str, params: Mapping[str, Any], metrics: list["Metric"]) -> None:
        from mlflow.entities import Param

        flat = [Param(name, text[:PARAM_LENGTH]) for name, text in flatten(params)]
        for some in batched_list(flat, BATCH):
            self.client.log_batch(run_id, params=some)
        for some in batched_list(metrics, 10 * BATCH):
            self.client.log_batch(run_id, metrics=some)

    def _datasets(self, context: str) -> list["DatasetInput"]:
        """Describe the data set as an input in MLflow; its key is the digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        key = self.results.lineage.get(DATASETS_STAGE)
        if not key:
            return []
        used = self.results.data.counts_used
        dataset = Dataset(
            name=Path(self.results.data.source).name or "data",
            digest=key,
            source_type="local",
            source=json.dumps({"uri": f"{DATASETS_STAGE}/{key}"}),
            profile=json.dumps({f"{part}_images": sum(counts.values()) for part, counts in used.items()}),
        )
        return [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])]


def is_finished(run: "Run") -> bool:
    """Check whether a run is completely written."""
    return run.info.status in ("FINISHED", "FAILED")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each leaf of nested mappings as (dotted name, text)."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def batched_list(values: list[Any], size: int) -> Iterator[list[Any]]:
    """Split the values into lists of at most this size."""
    return (values[start : start + size] for start in range(0, len(values), size))


if __name__ == "__main__":
    run_child(main)
