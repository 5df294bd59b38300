"""Checks of hostile inputs, and the table of them in docs/reliability.md."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from flows.server.shared import prefect_server
from tests.faults.limited_child import Case, LimitedChild, Outcome, Refused
from tests.faults.stages import INGEST, digest_stages, start_command
from tests.support.reliability_page import write_table

KINDS = ("archives", "images", "records", "settings", "drive", "requests", "names")
SERVER_SECONDS = 300
LONGEST_MESSAGE = 2_000
"""Characters of an error that a person still reads."""

HEADER = ("kind", "inputs", "refused with a clear error", "handled", "largest memory", "longest time")


@pytest.fixture(scope="session")
def tallies(request):
    """Outcomes by kind; a whole session without a failure writes them into the page."""
    outcomes: dict[str, list[tuple[Case, Outcome]]] = defaultdict(list)
    yield outcomes
    if not request.session.testsfailed and set(outcomes) == set(KINDS):
        write_table("inputs", HEADER, [_row(kind, outcomes[kind]) for kind in KINDS])


def _row(kind: str, outcomes: list[tuple[Case, Outcome]]) -> list[str]:
    refused = sum(isinstance(case.expected, Refused) for case, _ in outcomes)
    megabytes = max(outcome.memory_bytes for _, outcome in outcomes) / 1e6
    seconds = max(outcome.seconds for _, outcome in outcomes)
    counts = [len(outcomes), refused, len(outcomes) - refused]
    return [kind, *map(str, counts), f"{megabytes:.0f} MB", f"{seconds:.1f} s"]


@pytest.fixture(scope="module")
def child(request):
    """A process that imports the module's cases and runs them with limits."""
    running = LimitedChild(request.module.__name__)
    yield running
    running.close()


@pytest.fixture
def check(child, tallies, request, tmp_path):
    """Return a function that runs a case and compares its end with what is expected."""

    def check(case: Case, folder: Path = tmp_path) -> None:
        case.prepare(folder)
        outcome = child.run(case.name, folder)
        assert outcome.is_as(case.expected), outcome
        if isinstance(case.expected, Refused):
            assert re.search(case.expected.words, outcome.message), outcome.message
            assert len(outcome.message) < LONGEST_MESSAGE + len(str(folder))
        else:
            assert outcome.value == case.expected.value
        tallies[request.module.KIND].append((case, outcome))

    return check


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A Prefect server on another disk than the workspaces that become full."""
    with prefect_server(tmp_path_factory.mktemp("server"), SERVER_SECONDS) as url:
        yield url


@pytest.fixture(scope="session")
def undisturbed(server, tmp_path_factory):
    """Stages of an ingest that nothing disturbs, with digests of their files."""
    root = tmp_path_factory.mktemp("undisturbed") / "workspace"
    process = start_command(root, *INGEST)
    said = process.communicate()
    assert not process.returncode, said[1][-3000:]
    return digest_stages(root)
