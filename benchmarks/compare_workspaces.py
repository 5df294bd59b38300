"""Comparison of two workspaces to the last digit: whether a change of the code left every result as it was.

`python -m benchmarks.compare_workspaces BEFORE AFTER` pairs the stages of two workspaces that were made by the same
commands, and compares pixels, manifests, TFRecords, predictions, metrics, verdicts, decisions and report figures. What
differs between two runs of one program is left out: times, memory, keys, paths and versions. Sentences are compared by
their numbers; a different wording is counted, but is not a difference.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.workspace.layout import MARKER_STAGES
from data.workspace.stage_record import RECORD_NAME, read_record

VOLATILE = re.compile(
    r"seconds|memory|latency|milliseconds|directory|\bkey\b|_key\b|created|started|made_with|code_version|hardware"
    r"|processor|versions|lineage|_url|\burl\b|file_bytes|\btraining$|machine|inputs|command"
)
"""Names of fields that differ between two runs of one program."""

EXPORT_SIZE = re.compile(r"/formats\[\d+\]/bytes$")
"""Size of an exported format: two exports of equal networks differ by a byte now and then."""

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:[.,]\d+)*")
KEY = re.compile(r"\b[0-9a-f]{16}\b")
NO_JSON_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""Texts for figures that JSON has no number for; older records hold them without quotation marks."""

TIMED = re.compile(r"latency|milliseconds|memory|wait|seconds", re.IGNORECASE)


class Tally:
    """Counts of what was compared, and the differences found."""

    def __init__(self) -> None:
        self.values = self.wordings = 0
        self.differences: list[str] = []

    def compare(self, where: str, before: Any, after: Any) -> None:
        """Count one value and note it if it differs."""
        self.values += 1
        if isinstance(before, str) and isinstance(after, str) and before != after:
            self.wordings += 1
            before, after = _numbers(before), _numbers(after)
        if before != after and not (before != before and after != after):  # NaN equals NaN here
            self.differences.append(f"{where}: {before!r} before, {after!r} after")


def _numbers(text: str) -> list[str]:
    return [] if TIMED.search(text) else NUMBER.findall(KEY.sub("", text))


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) of nested mappings and lists, without volatile fields."""
    if isinstance(value, dict):
        if TIMED.search(str(value.get("name", ""))):
            return  # a criterion on wall time
        for key, inner in value.items():
            if not VOLATILE.search(str(key)):
                yield from flatten(inner, f"{name}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from flatten(inner, f"{name}[{number}]")
    else:
        yield name, NO_JSON_NUMBERS.get(value, value) if isinstance(value, str) else value


def compare_json(tally: Tally, where: str, before: Path, after: Path) -> None:
    """Compare two JSON files leaf by leaf."""
    old, new = (dict(flatten(json.loads(path.read_text()))) for path in (before, after))
    for name in sorted(name for name in old.keys() | new.keys() if not EXPORT_SIZE.search(name)):
        tally.compare(where + name, old.get(name, "missing"), new.get(name, "missing"))


def compare_table(tally: Tally, where: str, before: Path, after: Path) -> None:
    """Compare two tables column by column; column `reason` may be worded differently."""
    read: Callable[[Path], pd.DataFrame] = pd.read_csv if before.suffix == ".csv" else pd.read_parquet
    old, new = read(before), read(after)
    tally.compare(f"{where}: columns", list(old), list(new))
    for name in old.columns.intersection(new.columns):
        if not VOLATILE.search(name):
            tally.compare(f"{where}: {name}", old[name].astype(str).to_list(), new[name].astype(str).to_list())


def compare_arrays(tally: Tally, where: str, before: Path, after: Path) -> None:
    """Compare the arrays of two .npy or .npz files bit by bit."""
    old, new = np.load(before), np.load(after)
    names = sorted(old.files) if before.suffix == ".npz" else [""]
    if before.suffix == ".npz":
        tally.compare(f"{where}: arrays", names, sorted(new.files))
    for name in names:
        pair = (old[name], new[name]) if name else (old, new)
        tally.compare(f"{where}: {name}", True, pair[0].tobytes() == pair[1].tobytes())


def compare_bytes(tally: Tally, where: str, before: Path, after: Path) -> None:
    """Compare two files byte by byte."""
    tally.compare(where, True, before.read_bytes() == after.read_bytes())


COMPARERS: dict[str, Callable[[Tally, str, Path, Path], None]] = {
    ".json": compare_json,
    ".parquet": compare_table,
    ".csv": compare_table,
    ".npy": compare_arrays,
    ".npz": compare_arrays,
    ".tfrecord": compare_bytes,
    ".png": compare_bytes,
    ".jpg": compare_bytes,
}
"""How files are compared, by their ending; pages, logs and saved networks are left out: predictions stand for them."""


def stages_in(workspace: Path) -> dict[str, list[Path]]:
    """Return the finished stages of a workspace by kind, ordered by name and then by age."""
    found: dict[str, list[Path]] = {}
    for record in workspace.glob(f"*/[0-9a-f]*/{RECORD_NAME}"):
        found.setdefault(record.parent.parent.name, []).append(record.parent)
    return {
        kind: sorted(stages, key=lambda stage: (name_of(stage), read_record(stage).created))
        for kind, stages in found.items()
    }


def name_of(stage: Path) -> str:
    """Return what tells a stage from others of its kind, whatever its key is: its variant, recipe and augmentation."""
    inputs = read_record(stage).inputs
    return json.dumps([inputs.get(name) for name in ("variant", "train", "augment")], sort_keys=True)


def compare_stage(tally: Tally, where: str, before: Path, after: Path) -> None:
    """Compare all files of two stages of one kind."""
    old, new = ({p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()} for root in (before, after))
    tally.compare(f"{where}: files", sorted(old), sorted(new))
    for name in sorted(old & new - {RECORD_NAME, "spec.json"}):
        comparer = COMPARERS.get(Path(name).suffix)
        if comparer:
            comparer(tally, f"{where}/{name}", before / name, after / name)


def main() -> None:
    """Compare two workspaces and print what differs; ends with status 1 if anything does."""
    before, after = (Path(argument) for argument in sys.argv[1:3])
    tally, old, new = Tally(), stages_in(before), stages_in(after)
    for kind in sorted((old.keys() | new.keys()) - set(MARKER_STAGES)):
        stages_before, stages_after = old.get(kind, []), new.get(kind, [])
        tally.compare(f"{kind}: stages", len(stages_before), len(stages_after))
        counted = tally.values
        for number, pair in enumerate(zip_longest(stages_before, stages_after)):
            if all(pair):
                compare_stage(tally, f"{kind}[{number}]", *pair)
        print(f"{kind}: {len(stages_before)} and {len(stages_after)} stages, {tally.values - counted} values compared")
    for difference in tally.differences:
        print("DIFFERENT", difference[:400])
    print(f"{tally.values} values compared, {tally.wordings} worded differently, {len(tally.differences)} differences")
    sys.exit(bool(tally.differences))


if __name__ == "__main__":
    main()
