"""Parity of exports: each variant of a workspace in every format, compared with its network.

python -m benchmarks.champion.exports WORKSPACE VARIANT [VARIANT ...] prints the table of docs/export.md. The variants
must have been trained in that workspace; what is exported already is not measured again.
"""

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from data.base.markdown import table_lines
from data.workspace.store import Workspace
from models.export.bundle import read_bundle
from models.export.training import find_key
from tasks.publish.export import make_export
from tasks.support.child_processes import training_children


def measure_exports(workspace: Workspace, variants: list[str]) -> Iterator[dict[str, str]]:
    """Export each variant, and yield a row for each of its formats."""
    for variant in variants:
        started, before = time.monotonic(), _core_seconds()
        with training_children() as children:
            exported = make_export(find_key(workspace.root, variant), workspace, children)
        if not exported.cached:
            spent = f"{time.monotonic() - started:.0f} s, {_core_seconds() - before:.0f} core-seconds"
            print(f"{variant}: exported in {spent}", file=sys.stderr, flush=True)
        bundle = read_bundle(exported.path)
        for one in bundle.formats:
            yield {"variant": variant, "parameters": f"{bundle.parameters:,}", **one.describe()}


def _core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    rows = list(measure_exports(Workspace(Path(sys.argv[1])), sys.argv[2:]))
    print("\n".join(table_lines(list(rows[0]), [list(row.values()) for row in rows])))


if __name__ == "__main__":
    main()
