"""Custom expectations over the whole manifest, for checks that Great Expectations does not have.

Importing this module imports great_expectations, which takes seconds: import it inside a function. Each result has
the observed figure, and under `details` a sentence for a person and the paths of some offending images.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from data.quality.cleaning import find_faults
from data.quality.rules import RULES
from expectations.counts import ExpectedCounts, count_images
from expectations.rules import DataRules
from expectations.wording import EXAMPLES, count_found, name_some

Counts = Mapping[str, Mapping[str, int]]
"""split -> label -> images"""

Judged = tuple[bool, float, str]
"""Result of a check: whether it passed, the observed figure, and a sentence for a person."""


class ManifestFaultyPaths(TableMetricProvider):
    """Metric with the paths of the images with each fault of `data.quality.faults.FAULTS`."""

    metric_name = "manifest.faulty_paths"
    value_keys = ("rules",)

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> Any:
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, MetricDomainTypes.TABLE)
        faults = find_faults(frame, DataRules.model_validate(metric_value_kwargs["rules"]).data_format)
        # A copy under another label breaks the rule on labels, which is more severe: it is reported only there.
        faults["repeated_train"] &= ~faults["label_conflict"]
        return {fault: frame.loc[faults[fault], "path"].tolist() for fault in faults.columns}


class ManifestClassCounts(TableMetricProvider):
    """Metric with the number of decodable images, 0 if all are damaged: split -> label -> images."""

    metric_name = "manifest.class_counts"

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine: PandasExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: Any) -> Any:
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, MetricDomainTypes.TABLE)
        return count_images(frame, "split", decodable_alone=True)


class ExpectNoImagesWithFaults(BatchExpectation):
    """Expect that no image has one of the faults that break a rule, such as a copy in another split."""

    rule: str
    rules: dict[str, Any]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("manifest.faulty_paths",)
    success_keys: ClassVar[tuple[str, ...]] = ("rule", "rules")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> dict[str, Any]:
        rule = RULES[self.rule]
        paths = [metrics["manifest.faulty_paths"][fault] for fault in rule.faults]
        offending = sorted(set().union(*paths))
        rules = DataRules.model_validate(self.rules)
        counted = zip(paths, rule.found, strict=True)
        words = [
            count_found(len(found), noun, rules.fill_in(phrase))
            for found, (noun, phrase) in counted
            if found or not offending
        ]
        message = ", ".join(words)
        return _result(not offending, len(offending), message, offending)


class CountsExpectation(BatchExpectation, ABC):
    """Base of expectations about the number of images of each class in each split."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("manifest.class_counts",)

    @abstractmethod
    def _judge_counts(self, counts: Counts) -> Judged:
        """Judge the counts: whether they are as expected, the observed figure, and a sentence with it."""

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> dict[str, Any]:
        return _result(*self._judge_counts(metrics["manifest.class_counts"]))


class ExpectEachClassInEachSplit(CountsExpectation):
    """Expect at least one decodable image of each class in each split."""

    splits: tuple[str, ...]
    labels: tuple[str, ...]
    success_keys: ClassVar[tuple[str, ...]] = ("splits", "labels")

    def _judge_counts(self, counts: Counts) -> Judged:
        wanted = [(split, label) for split in self.splits for label in self.labels]
        missing = [f"{split}/{label}" for split, label in wanted if not counts.get(split, {}).get(label)]
        message = self._name_missing(missing, counts) if missing else f"all {len(wanted)} folders hold images"
        return not missing, len(missing), message

    def _name_missing(self, missing: list[str], counts: Counts) -> str:
        """Say which splits have no image at all, and which classes the other splits lack."""
        lost = [split for split in self.splits if all(f"{split}/{label}" in missing for label in self.labels)]
        classes = [folder for folder in missing if folder.split("/")[0] not in lost]
        phrases = [
            f"the split {split} holds no readable image" if split in counts else f"the split {split} is missing"
            for split in lost
        ]
        return "; ".join([*phrases, *([f"no readable image of {name_some(classes)}"] if classes else [])])


class ExpectEnoughImages(CountsExpectation):
    """Expect a minimum number of images of each class that occurs in a split."""

    minimum_images: dict[str, int]
    labels: tuple[str, ...]
    success_keys: ClassVar[tuple[str, ...]] = ("minimum_images", "labels")

    def _judge_counts(self, counts: Counts) -> Judged:
        few = [
            f"{split}/{label} has {counts[split][label]} instead of {minimum}"
            for split, minimum in self.minimum_images.items()
            for label in self.labels
            if 0 < counts.get(split, {}).get(label, 0) < minimum
        ]
        message = f"too few images: {name_some(few)}" if few else "no class has too few images"
        return not few, len(few), message


class ExpectBalancedClasses(CountsExpectation):
    """Expect that in each split, the largest class is at most a given number of times as large as the smallest."""

    labels: tuple[str, ...]
    maximum_ratios: dict[str, float]
    success_keys: ClassVar[tuple[str, ...]] = ("labels", "maximum_ratios")

    def _judge_counts(self, counts: Counts) -> Judged:
        ratios = {split: self._measure(counts[split]) for split in self.maximum_ratios if counts.get(split)}
        worst = max((ratio for ratio, _ in ratios.values()), default=1.0)
        balanced = all(ratio <= self.maximum_ratios[split] for split, (ratio, _) in ratios.items())
        message = "; ".join(f"{split} {text}" for split, (_, text) in ratios.items())
        return balanced, round(worst, 2), f"largest over smallest class: {message}"

    def _measure(self, counts: Mapping[str, int]) -> tuple[float, str]:
        known = {label: counts[label] for label in self.labels if counts.get(label)}
        if not known:
            return 1.0, "has no known class"
        largest, smallest = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
        ratio = known[largest] / known[smallest]
        if ratio == 1:
            return ratio, f"1.00 ({known[largest]} of each)"
        return ratio, f"{ratio:.2f} ({largest} {known[largest]}, {smallest} {known[smallest]})"


class ExpectPublishedCounts(BatchExpectation):
    """Expect as many files of each class in each split as the publication states, within its tolerance.

    `published_counts` are the counts before anybody corrected labels; the manifest no longer shows them.
    """

    expected_counts: dict[str, Any]
    published_counts: dict[str, dict[str, int]]
    metric_dependencies: ClassVar[tuple[str, ...]] = ()
    success_keys: ClassVar[tuple[str, ...]] = ("expected_counts", "published_counts")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> dict[str, Any]:
        expected = ExpectedCounts.model_validate(self.expected_counts)
        deviations = expected.find_deviations(self.published_counts)
        found = f"other counts than {expected.name} states: {name_some(deviations)}"
        message = found if deviations else f"the counts are those of {expected.name}"
        return _result(not deviations, len(deviations), message)


def _result(success: bool, observed: float, message: str, paths: list[str] | None = None) -> dict[str, Any]:
    details = {"message": message, "paths": (paths or [])[:EXAMPLES]}
    return {"success": success, "result": {"observed_value": observed, "details": details}}
