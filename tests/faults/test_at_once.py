"""Two runs and prunes at once on one workspace: all end well, and the stages are those of a run alone."""

import pytest

from data.workspace.store import Workspace
from tests.faults.stages import INGEST, digest_stages, start_command
from tests.support.reliability_page import write_table

pytestmark = pytest.mark.faults

PRUNE = ("prune", "--keep", "1", "--days", "0")


def end(*processes) -> list[str]:
    """Wait for the ends of commands; return what those that failed said."""
    said = [process.communicate()[1][-3000:] for process in processes]
    return [text for process, text in zip(processes, said, strict=True) if process.returncode]


def test_two_ingests_and_prunes_at_once_end_well(server, undisturbed, tmp_path):
    root, prunes = tmp_path / "workspace", 0
    Workspace(root).claim()
    ingests = [start_command(root, *INGEST) for _ in range(2)]
    while any(process.poll() is None for process in ingests):
        assert not end(start_command(root, *PRUNE))
        prunes += 1
    assert not end(*ingests)
    assert not end(start_command(root, *INGEST))
    assert digest_stages(root) == undisturbed
    assert prunes
    header = ["commands at once", "runs", "prunes", "ended in an error", "stages unlike those of a run alone"]
    write_table("at once", header, [["two ingests, and prunes one after the other", "2", str(prunes), "0", "0"]])
