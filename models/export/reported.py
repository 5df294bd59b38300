"""By which labels a report judged a training, so that its export has the threshold and the figures of that report.

Nothing here imports TensorFlow or Prefect. Only the records of the reports are read, since a server asks every few
seconds.
"""

from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from data.base.times import parse_time
from data.records.truths import TruthName
from data.workspace.layout import REPORTS_STAGE
from data.workspace.reachability import references
from data.workspace.stage_record import RECORD_NAME, StageRecord, read_record


class Reported(NamedTuple):
    """Labels that decided in a report which answers are right."""

    truth: TruthName = "published"
    dataset: str = ""
    """Key of the data set that has them."""

    @property
    def inputs(self) -> dict[str, str]:
        """What an export has among the inputs of its stage: nothing for published labels, which a training has too."""
        return {} if self.truth == "published" else {"truth": self.truth, "dataset": self.dataset}

    def is_of(self, export: StageRecord) -> bool:
        """Tell whether an export was judged by these labels."""
        return {name: export.inputs[name] for name in Reported._fields if name in export.inputs} == self.inputs


def find_reported(root: Path, training: str, report: str = "") -> Reported | None:
    """Find by which labels a training was judged.

    Args:
        root: directory of the workspace.
        training: its key.
        report: key of the report that counts, such as that of a version; if it is empty or no longer here, the newest
            one that names the training.

    Returns:
        The labels, or None if no report here names the training.
    """
    own = _read(root / REPORTS_STAGE / report) if report else None
    if own:
        return _labels_of(own)
    places = (path.parent for path in (root / REPORTS_STAGE).glob(f"[!.]*/{RECORD_NAME}"))
    naming = [record for place in places if (record := _read(place)) and training in _named(record)]
    return _labels_of(max(naming, key=lambda record: (parse_time(record.created), record.key))) if naming else None


def _read(report: Path) -> StageRecord | None:
    try:
        return read_record(report)
    except (OSError, ValidationError):  # removed meanwhile, damaged, or of another workspace
        return None


def _named(record: StageRecord) -> set[str]:
    return {key for _, key in references(record.inputs)}


def _labels_of(record: StageRecord) -> Reported:
    """Read the labels from the inputs of a report; those of an earlier release, without any, are published ones."""
    return Reported(record.inputs.get("truth", "published"), record.inputs.get("dataset", ""))
