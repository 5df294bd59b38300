"""Damaged and forged records of a workspace: each costs itself alone, and none names what is removed."""

import json
import os
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.quality.accepted import read_accepted, write_accepted
from data.sources.source import DatasetSource
from data.workspace.in_use import read_stages_in_use
from data.workspace.layout import RESULTS_NAME
from data.workspace.mark import MARK_NAME, claim_root
from data.workspace.ownership import LEDGER_FOLDER, finish_owned, list_owned
from data.workspace.prune import prune_workspace
from data.workspace.reachability import PrunePolicy
from data.workspace.stage_record import RECORD_NAME, list_records
from data.workspace.store import Workspace
from models.registry.journal import JOURNAL, ChampionMove, Journal
from reports.site.index import write_index
from reports.site.stored_reports import list_reports
from tests.data.workspace.test_in_use import start_holder
from tests.faults.limited_child import Case, Handled, Refused
from tests.support.files_of_a_person import snapshot_of
from tests.support.results_factory import make_results

pytestmark = pytest.mark.faults
KIND = "records"

CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "a line break": b"\n",
    "not JSON": b"{key: value",
    "not UTF-8": b'{"key": "\xff\xfe"}',
    "UTF-16": '{"key": "x"}'.encode("utf-16"),
    "NUL bytes, as after a power loss": bytes(4096),
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "an object without fields": b"{}",
    "100,000 brackets": b"[" * 100_000,
    "10,000 objects inside one another": b'{"inputs":' * 10_000 + b"{}" + b"}" * 10_000,
    "a number of 100,000 digits": b'{"version": ' + b"9" * 100_000 + b"}",
    "NaN and infinity": b'{"key": NaN, "stage": Infinity, "version": -Infinity}',
    "half a character": b'{"key": "\\ud800", "stage": "\\udfff"}',
    "wrong types": b'{"key": ["a"], "stage": {}, "version": "one", "path": 1, "files": [], "event": true}',
}
"""What may stand in a record's file."""

FORGED = {"created": "2026-01-01T00:00:00+0000", "inputs": {}, "files": {}}
SOURCE = DatasetSource()


class Place:
    """A workspace with stages, and the file of one kind of record in it."""

    def __init__(self, folder: Path) -> None:
        self.space = Workspace(folder / "workspace", reserve_bytes=0)
        self.root = self.space.root

    def add(self, stage: str = "views", number: int = 1, write: Callable[[Path], object] | None = None):
        fill = write or (lambda out: (out / "content.txt").write_text("content"))
        return self.space.produce(stage, {"number": number}, lambda out: fill(out) and None)

    def record(self, content: bytes) -> None:
        self.add(number=1), self.add(number=2)
        (self.find("views") / RECORD_NAME).write_bytes(content)

    def results(self, content: bytes) -> None:
        for number in (1, 2):
            text = make_results(self.root.parent / str(number), trained=1).model_dump_json()
            self.add("reports", number, lambda out, text=text: (out / RESULTS_NAME).write_text(text))
        (self.find("reports") / RESULTS_NAME).write_bytes(content)

    def accepted(self, content: bytes) -> None:
        for number in (1, 2):
            write_accepted(self.add("datasets", number), SOURCE, self.space)
        (path,) = (self.root / "accepted").glob("*.json")
        path.write_bytes(content)
        old = time.time() - 9 * 86_400
        for record in self.root.glob(f"datasets/*/{RECORD_NAME}"):
            os.utime(record, (old, old))

    def mark(self, content: bytes) -> None:
        self.add()
        (self.root / MARK_NAME).write_bytes(content)

    def entry(self, content: bytes) -> None:
        self.add()
        for name in ("1", "2"):
            page = self.root / "rendered" / name
            page.mkdir(parents=True)
            finish_owned(self.root, page)
        sorted((self.root / LEDGER_FOLDER).iterdir())[0].write_bytes(content)

    def journal(self, content: bytes) -> None:
        journal = Journal(self.root / JOURNAL)
        for number in (1, 2):
            move = ChampionMove(registry="r", kind="promotion", by="me", reason="", source=0, target=number)
            journal.append("done", move)
        first, last = journal.path.read_bytes().splitlines()
        journal.path.write_bytes(b"\n".join([first, content.replace(b"\n", b" "), last, b""]))

    def find(self, stage: str) -> Path:
        return sorted((self.root / stage).glob("[!.]*/"))[0]


def finish_stage(folder: Path) -> list[int]:
    """Count the stages that are whole, and those that are whole after they were asked for again."""
    place = Place(folder)
    before = len(list(list_records(place.root)))
    again = [place.add(number=number).cached for number in (1, 2)]
    return [before, again.count(False), len(list(list_records(place.root)))]


def read_reports(folder: Path) -> list[int]:
    """Count the reports that can be read and those that cannot; the index and pruning work anyway."""
    root = folder / "workspace"
    found, unreadable = list_reports(root)
    write_index(root)
    prune_workspace(Workspace(root), PrunePolicy(keep=1, days=0))
    return [len(found), len(unreadable)]


def read_accepted_and_prune(folder: Path) -> list[object]:
    """Return the key of the accepted data set, and how many data sets pruning keeps."""
    space = Workspace(folder / "workspace", reserve_bytes=0)
    prune_workspace(space, PrunePolicy(keep=1, days=0))
    return [read_accepted(SOURCE, space).key, len(list(list_records(space.root)))]


def open_workspace(folder: Path) -> str:
    return claim_root(folder / "workspace").id


def read_ledger(folder: Path) -> int:
    root = folder / "workspace"
    prune_workspace(Workspace(root), PrunePolicy(keep=1, days=99), dry_run=True)
    return len(list(list_owned(root)))


def read_journal(folder: Path) -> list[int]:
    return [entry.move.target for entry in Journal(folder / "workspace" / JOURNAL).done("r")]


READERS = {
    "record of a stage": (Place.record, finish_stage, Handled([1, 1, 2])),
    "results of a report": (Place.results, read_reports, Handled([1, 1])),
    "accepted data set": (Place.accepted, read_accepted_and_prune, Handled(["", 2])),
    "mark of the workspace": (Place.mark, open_workspace, Refused("cannot be read.*restore it from a backup")),
    "entry of the ledger": (Place.entry, read_ledger, Handled(1)),
    "line of the journal": (Place.journal, read_journal, Handled([1, 2])),
}


def prune_beside_a_thesis(folder: Path) -> list[str]:
    """Prune everything that is not needed, and return what of a person's own files changed."""
    before = snapshot_of(folder / "home")
    prune_workspace(Workspace(folder / "workspace"), PrunePolicy(keep=1, days=0))
    after = snapshot_of(folder / "home")
    return sorted(str(path) for path in before if before[path] != after.get(path))


def forge_record(where: str, stage: str, key: str) -> Callable[[Path], None]:
    """Return a function that puts a record of nine days ago somewhere; FOLDER stands for the folder of the case."""

    def prepare(folder: Path) -> None:
        thesis = folder / "home" / "thesis"
        thesis.mkdir(parents=True)
        (thesis / "chapter.txt").write_text("years of work")
        Place(folder).add()
        path = folder / "workspace" / where / RECORD_NAME
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**FORGED, "stage": stage.replace("FOLDER", str(folder)), "key": key}))
        os.utime(path, (time.time() - 9 * 86_400,) * 2)

    return prepare


def forge_entry(path_named: str) -> Callable[[Path], None]:
    """Return a function that puts an entry into the ledger which names a path elsewhere, as finished long ago."""

    def prepare(folder: Path) -> None:
        forge_record("downloads/drive-1.folder", "FOLDER/home", "thesis")(folder)
        ledger = folder / "workspace" / LEDGER_FOLDER
        ledger.mkdir(exist_ok=True)
        named = path_named.replace("FOLDER", str(folder))
        entry = {"path": named, "files": {"chapter.txt": 13, "": 13}}
        (ledger / f"{sha256(named.encode()).hexdigest()[:32]}.json").write_text(json.dumps(entry))

    return prepare


FORGERIES = {
    "record that names a directory elsewhere": forge_record("downloads/drive-1.folder", "FOLDER/home", "thesis"),
    "record that names a parent": forge_record("downloads/drive-2.folder", "..", "home"),
    "record with a relative way out": forge_record("variants/0123456789abcdef", "../../home", "thesis"),
    "record with another key": forge_record("variants/0123456789abcdef", "variants", "f" * 16),
    "record with an empty key": forge_record("variants/0123456789abcdef", "home", ""),
    "entry that names a path elsewhere": forge_entry("FOLDER/home/thesis"),
    "entry that names a parent": forge_entry("../home/thesis"),
    "entry with a way out inside": forge_entry("rendered/../../home/thesis"),
    "entry of a hidden trash name": forge_entry("rendered/../../home/.thesis.old"),
}


def hold(lines: bytes) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        holds = folder / "workspace" / ".holds"
        holds.mkdir(parents=True)
        (holds / ("0" * 32)).write_bytes(lines)

    return prepare


def read_held(folder: Path) -> int:
    """Return how many stages are in use if a living process holds one and its file has the hostile line as well."""
    root = folder / "workspace"
    hostile = next((root / ".holds").iterdir())
    lines = hostile.read_bytes()
    hostile.unlink()
    with start_holder(root, ("views", "a")) as process:
        (path,) = (root / ".holds").iterdir()
        path.write_bytes(lines.replace(b"\n", b" ") + b"\nviews/a\n")
        held = read_stages_in_use(root)
        process.kill()
    return ("views", "a") in held


CASES = [
    *(
        Case(
            f"{kind}: {what}",
            lambda folder, write=write, content=content: write(Place(folder), content),
            act,
            expected,
        )
        for kind, (write, act, expected) in READERS.items()
        for what, content in CONTENTS.items()
    ),
    *(Case(f"hold: {what}", hold(content), read_held, Handled(True)) for what, content in CONTENTS.items()),
    *(Case(what, forge, prune_beside_a_thesis, Handled([])) for what, forge in FORGERIES.items()),
    Case(
        "mark of a later version",
        lambda folder: Place(folder).mark(b'{"version": 99, "id": "x"}'),
        open_workspace,
        Refused("version 99.*use the release", PipelineError),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_record_costs_itself_alone(case, check):
    check(case)
