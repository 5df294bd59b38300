"""Mark and sweep over real stage records: what results and running processes need stays whole, the rest goes."""

import gc
import hashlib
import json
import os
import shutil
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.workspace.atomic import locked, try_lock
from data.workspace.digests import hash_file
from data.workspace.layout import (
    ACCEPTED_FOLDER,
    AUDITS_STAGE,
    DATA_DOCS_FOLDER,
    DATASETS_STAGE,
    FEATURES_STAGE,
    IMAGES_STAGE,
    RENDERED_FOLDER,
    REPORTS_STAGE,
    REVIEWS_FOLDER,
    SCORES_FOLDER,
    SEARCHES_STAGE,
    VERDICTS_STAGE,
    VIEWS_STAGE,
)
from data.workspace.ownership import finish_owned, list_owned, start_owned
from data.workspace.prune import (
    LOG_TAIL_BYTES,
    Item,
    KindCount,
    count_kinds,
    disk_usage,
    last_change,
    plan_prune,
    prune_workspace,
    remove_unkept,
)
from data.workspace.reachability import PrunePolicy
from data.workspace.store import Workspace
from tests.data.workspace.test_in_use import start_holder
from tests.support.files_of_a_person import add_files_of_a_person, snapshot_of
from tests.support.stored_search import make_search

DAY = 24 * 3600


class Tree:
    """A workspace with runs of some weeks, written as the pipeline writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys: dict[str, str] = {}

    def add(self, name: str, stage: str, week: int, write=None, **inputs) -> str:
        """Write a stage that was last used in that week; the last one is now."""
        workspace = Workspace(self.root)
        fill = write or (lambda out: (out / "content").write_text(name) and None)
        produced = workspace.produce(stage, {"of": name, **inputs}, fill)
        self.touch(produced.path, week)
        self.keys[name] = produced.key
        return produced.key

    def touch(self, path: Path, week: int) -> None:
        when = time.time() - (10 - week) * 7 * DAY
        os.utime(path / "_complete.json", (when, when))

    def run(self, week: int, variants: int = 2, last: str = "") -> str:
        """Write all stages of one run and return its report's key."""
        w = f"week{week} "
        archive = {"archive_sha256": f"{week}" * 64}
        images = self.add(w + "images", IMAGES_STAGE, week, **archive)
        manifest = self.add(w + "manifest", "manifests", week, images=images)
        dataset = self.add(w + "dataset", DATASETS_STAGE, week, manifest=manifest)
        change = self.add(w + "change", "changes", week, dataset=dataset, last=last)
        verdict = self.add(w + "verdict", VERDICTS_STAGE, week, images=images, dataset=dataset, change=change)
        views = self.add(w + "views", VIEWS_STAGE, week, images=images, dataset=dataset)
        self.add(w + "features", FEATURES_STAGE, week, network="n" * 64, records=[self.checksum(VIEWS_STAGE, views)])
        trained = [self.add(f"{w}variant{n}", "variants", week, views=views, seed=n) for n in range(variants)]
        vote = self.add(w + "ensemble", "variants", week, candidates={str(n): key for n, key in enumerate(trained)})
        audit = self.add(w + "audit", AUDITS_STAGE, week, dataset=dataset, variants=trained)
        named = {str(n): ["trained", "", 3, key] for n, key in enumerate([*trained, vote])}
        decision = self.add(w + "decision", "decisions", week, candidates=named, views=views, verdict=verdict)
        made = {"dataset": dataset, "verdict": verdict, "views": views, "audit": audit, "decision": decision}
        report = self.add(w + "report", REPORTS_STAGE, week, variants=named, **made)
        self.add(w + "tracked", "tracked", week, report=report, store="sqlite:///mlflow.db")
        self.add(w + "carried out", "carried_out", week, decision=decision, made="2026-03-14T09:26:53+0000")
        return report

    def checksum(self, stage: str, key: str) -> str:
        return hash_file(self.root / stage / key / "content")

    def accept(self, key: str, former: str = "") -> None:
        folder = self.root / ACCEPTED_FOLDER
        folder.mkdir(exist_ok=True)
        (folder / "sample.json").write_text(json.dumps({"key": key, "former": former}))

    def there(self) -> set[str]:
        """Return the names of the stages that are there."""
        by_key = {key: name for name, key in self.keys.items()}
        return {by_key[path.parent.name] for path in self.root.glob("[!.]*/[!.]*/_complete.json")}

    def of(self, *weeks: int) -> set[str]:
        return {name for name in self.keys if any(name.startswith(f"week{week} ") for week in weeks)}

    def prune(self, keep: int = 1, days: float = 3, protected=(), dry_run: bool = False):
        gc.collect()  # the holds of the workspaces that wrote
        policy = PrunePolicy(keep=keep, days=days, protected=frozenset(protected))
        return {count.kind: count for count in prune_workspace(Workspace(self.root), policy, dry_run)[0]}


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_the_newest_reports_stay_with_all_behind_them(tree):
    for week in range(1, 5):
        tree.run(week)
    counts = tree.prune(keep=2)
    features_of_older = {"week3 features"}
    assert tree.there() == tree.of(3, 4) - features_of_older
    assert (counts[REPORTS_STAGE].removed, counts[REPORTS_STAGE].kept) == (2, 2)
    assert counts[REPORTS_STAGE].kept_for == {"latest report": 1, "kept reports": 1}
    assert counts["variants"].removed == 6
    assert counts["variants"].removed_bytes > 0


def test_newest_means_last_used(tree):
    tree.run(1), tree.run(2)
    first = tree.root / REPORTS_STAGE / tree.keys["week1 report"]
    assert Workspace(tree.root).produce(REPORTS_STAGE, read_inputs(first), write=fail).cached
    tree.prune(keep=1)
    assert {"week1 report", "week1 views", "week1 ensemble"} <= tree.there()
    assert not {"week2 report", "week2 views", "week2 ensemble"} & tree.there()


def test_reports_from_a_wrong_clock_do_not_push_out_the_new_ones(tree):
    for week in (11, 12, 13):  # in the future: the last week that is over is the tenth
        tree.run(week)
    tree.run(10)
    counts = tree.prune(keep=2)
    assert "week10 report" in tree.there()
    assert counts[REPORTS_STAGE].kept_for == {"latest report": 1, "kept reports": 1, "recent": 2}


def read_inputs(path: Path):
    return json.loads((path / "_complete.json").read_text())["inputs"]


def fail(out: Path) -> None:
    raise AssertionError(f"{out} is written again")


def test_stages_that_runs_share_stay_as_long_as_one_needs_them(tree):
    tree.run(1)
    views = tree.keys["week1 views"]
    again = tree.add("again variant", "variants", 2, views=views)
    tree.add("again report", REPORTS_STAGE, 2, variants={"compact": ["trained", "", 3, again]}, views=views)
    tree.prune(keep=1)
    kept = {"week1 views", "week1 images", "week1 dataset", "week1 manifest", "week1 features"}
    assert tree.there() == {"again report", "again variant", "week1 verdict", "week1 audit", *kept}


def test_protected_keys_stay_with_all_behind_them_and_their_report(tree):
    for week in range(1, 4):
        tree.run(week)
    tree.prune(keep=1, protected=[tree.keys["week1 ensemble"]])
    assert tree.of(1) - {"week1 features"} <= tree.there()
    assert not {"week2 report", "week2 ensemble", "week2 views"} & tree.there()


def test_accepted_data_stays_and_of_the_one_before_what_is_compared(tree):
    for week in range(1, 4):
        tree.run(week)
    tree.accept(tree.keys["week2 dataset"], tree.keys["week1 dataset"])
    counts = tree.prune(keep=1)
    assert {"week2 dataset", "week2 manifest", "week2 images", "week1 dataset"} <= tree.there()
    assert not {"week1 manifest", "week1 images", "week2 views"} & tree.there()
    assert counts[DATASETS_STAGE].kept_for == {"latest report": 1, "accepted data": 2}


def test_of_the_data_set_that_a_report_is_compared_with_its_profile_stays(tree):
    for week in (1, 2):
        tree.run(week, last=tree.keys.get("week1 dataset", ""))
    tree.run(3, last=tree.keys["week2 dataset"])
    counts = tree.prune(keep=1)
    assert "week2 dataset" in tree.there() and "week2 images" not in tree.there()
    assert counts[DATASETS_STAGE].kept_for["latest report"] == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"key": "\xff"}', b"null", b'{"key": ["a"]}', b"[" * 100_000]
)
def test_a_damaged_accepted_file_keeps_every_data_set_and_nothing_else(tree, content):
    for week in range(1, 4):
        tree.run(week)
    tree.accept("")
    (tree.root / ACCEPTED_FOLDER / "sample.json").write_bytes(content)
    tree.prune(keep=1)
    for week in range(1, 4):
        assert {f"week{week} dataset", f"week{week} manifest", f"week{week} images"} <= tree.there()
    assert not {"week1 views", "week1 report", "week2 variant0"} & tree.there()


def test_a_record_that_is_not_utf8_costs_itself_alone(tree):
    for week in range(1, 4):
        tree.run(week)
    record = tree.root / "variants" / tree.keys["week2 variant0"] / "_complete.json"
    record.write_bytes(record.read_bytes().replace(b"variants", b"vari\xffnts"))
    tree.prune(keep=1)
    assert tree.of(3) <= tree.there()
    assert not tree.of(1) & tree.there()


def test_what_a_running_process_uses_stays_until_it_ends(tree):
    for week in range(1, 4):
        tree.run(week)
    process = start_holder(tree.root, ("views", tree.keys["week1 views"]), ("variants", tree.keys["week2 variant0"]))
    with process:
        counts = tree.prune(keep=1)
        in_use = {"week1 views", "week1 images", "week1 manifest", "week1 features", "week2 variant0", "week2 views"}
        assert in_use <= tree.there()
        assert not {"week1 variant0", "week2 variant1"} & tree.there()
        assert counts[VIEWS_STAGE].kept_for == {"in use": 2, "latest report": 1}
        process.kill()
    tree.prune(keep=1)
    assert not {"week1 views", "week2 variant0"} & tree.there()


def test_what_a_run_takes_after_the_plan_stays(tree):
    tree.run(1), tree.run(2)
    gc.collect()
    items = plan_prune(Workspace(tree.root), PrunePolicy(keep=1))
    views = tree.root / VIEWS_STAGE / tree.keys["week1 views"]
    run = Workspace(tree.root)
    assert run.produce(VIEWS_STAGE, read_inputs(views), write=fail).cached
    finished = Workspace(tree.root)
    assert finished.produce(
        "manifests", read_inputs(tree.root / "manifests" / tree.keys["week1 manifest"]), fail
    ).cached
    del finished
    gc.collect()
    counts = {count.kind: count for count in count_kinds(remove_unkept(items))}
    assert {"week1 views", "week1 manifest"} <= tree.there()
    assert "week1 images" not in tree.there(), "the run would make it again, were it to want it"
    assert counts[VIEWS_STAGE].kept_for == {"latest report": 1, "in use": 1}
    del run


def test_what_no_report_names_yet_stays_for_some_days(tree):
    tree.run(2)
    tree.add("failed run's views", VIEWS_STAGE, 10, seed=1)
    tree.add("failed run's training", "variants", 10, views=tree.keys["failed run's views"])
    tree.add("old training", "variants", 9, seed=2)
    tree.prune(days=3)
    assert {"failed run's views", "failed run's training"} == tree.there() - tree.of(2)
    tree.prune(days=0)
    assert tree.there() == tree.of(2)


def test_pages_of_their_own_stay_and_the_winner_of_a_search(tree):
    winner, loser = (tree.add(name, "variants", 1, seed=n) for n, name in enumerate(("winner", "loser")))
    for number in range(3):
        tree.add(
            f"verdict{number}", VERDICTS_STAGE, number, dataset=tree.add(f"dataset{number}", DATASETS_STAGE, number)
        )
        tree.add(f"audit{number}", AUDITS_STAGE, number, variants=[loser])
    search = make_search(("finished", 0.4, loser), ("finished", 0.6, winner))
    content = search.model_dump(mode="json")
    tree.add(
        "search", SEARCHES_STAGE, 1, lambda out: (out / "search.json").write_text(json.dumps(content)), search=content
    )
    tree.prune(keep=2)
    assert tree.there() == {
        "winner",
        "search",
        *(f"{page}{n}" for page in ("verdict", "audit", "dataset") for n in (1, 2)),
    }


def test_an_audit_that_somebody_works_on_is_never_removed(tree):
    for number in range(3):
        tree.add(f"audit{number}", AUDITS_STAGE, number)
    with (tree.root / AUDITS_STAGE / tree.keys["audit0"] / "content").open("a") as suspects:
        suspects.write(",happy")
    counts = tree.prune(keep=1)
    assert tree.there() == {"audit0", "audit2"}
    assert counts[AUDITS_STAGE].kept_for == {"latest pages": 1, "edited by hand": 1}


def test_a_dry_run_says_the_same_and_changes_nothing(tree):
    for week in range(1, 4):
        tree.run(week)
    add_extras(tree)
    before = snapshot(tree.root)
    said = tree.prune(keep=1, dry_run=True)
    assert snapshot(tree.root) == before
    assert said == tree.prune(keep=1)
    assert snapshot(tree.root) != before


def snapshot(root: Path):
    paths = (path for path in root.rglob("*") if ".holds" not in path.parts and path.suffix != ".lock")
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in paths if path.is_file()}


def add_extras(tree) -> None:
    """Add what is no stage: unfinished work, pages, downloads, logs."""
    old = time.time() - 5 * DAY
    for name, seconds in (("a" * 16, old), ("b" * 16, time.time())):
        work = tree.root / "variants" / f".{name}.work"
        start_owned(tree.root, work)
        work.mkdir()
        (work / "checkpoint.npz").write_bytes(b"c" * 5000)
        for path in (work / "checkpoint.npz", work):
            os.utime(path, (seconds, seconds))
    for week in (1, 3):
        page = tree.root / DATA_DOCS_FOLDER / tree.keys[f"week{week} dataset"]
        page.mkdir(parents=True)
        (page / "index.html").write_text("page")
        finish_owned(tree.root, page)
    downloads = tree.root / "downloads"
    downloads.mkdir()
    for name in ("drive-old.archive", "drive-pinned.archive", "drive-new.archive.incomingx.part"):
        start_owned(tree.root, downloads / name.removesuffix(".incomingx.part"))
        (downloads / name).write_text(name)
        if name.endswith(".archive"):
            finish_owned(tree.root, downloads / name)
        if "new" not in name:
            os.utime(downloads / name, (old, old))
    (tree.root / "prefect").mkdir()
    (tree.root / "prefect" / "server.log").write_bytes(b"a line of the log\n" * 400_000)


def test_what_is_no_stage_is_kept_for_its_own_reasons(tree):
    tree.run(1), tree.run(3)
    digest = {"archive_sha256": hash_of("drive-pinned.archive")}
    images = tree.add("pinned images", IMAGES_STAGE, 3, **digest)
    tree.add("pinned report", REPORTS_STAGE, 4, images=images)
    add_extras(tree)
    page_sets = tree.keys["week1 dataset"], tree.keys["week3 dataset"]
    shutil.rmtree(tree.root / VERDICTS_STAGE)  # whose pages would keep both data sets
    counts = tree.prune(keep=2)
    assert [path.name for path in (tree.root / "variants").glob(".*.work")] == [f".{'b' * 16}.work"]
    assert [(tree.root / DATA_DOCS_FOLDER / key).exists() for key in page_sets] == [False, True]
    left = {path.name for path in (tree.root / "downloads").glob("[!.]*")}
    assert left == {"drive-pinned.archive", "drive-new.archive.incomingx.part"}
    assert counts["downloads"].kept_for == {"recent": 1, "kept images": 1}
    assert counts["broken-off work"].kept_for == {"recent": 1}


def test_scores_of_photos_stay_whatever_their_age(tree):
    tree.run(1), tree.run(2)
    folder = tree.root / SCORES_FOLDER / "91be04c7aa35de10"
    names = ["parts/0001-000001.parquet", "scores.parquet", "scores.csv", "summary.json", ".lock", "round.json"]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("an answer")
        os.utime(folder / name, (1, 1))
    counts = tree.prune(keep=1, days=0)
    assert counts["variants"].removed > 0
    assert all((folder / name).exists() for name in names)


def test_answers_of_people_and_feedback_stay_whatever_their_age(tree):
    tree.run(1), tree.run(2)
    names = [tree.root / REVIEWS_FOLDER / name for name in ("anna.jsonl", "feedback/feedback.jsonl", "feedback/1.png")]
    for path in names:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("an answer")
        os.utime(path, (1, 1))
    tree.prune(keep=1, days=0)
    assert all(path.exists() for path in names)


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_pages_made_again_stay_as_long_as_their_reports(tree):
    tree.run(1), tree.run(9)
    old, new = (
        key for name, key in tree.keys.items() if key in {p.name for p in (tree.root / REPORTS_STAGE).iterdir()}
    )
    for name in (old, new, f"{old}-{new}"):
        (tree.root / RENDERED_FOLDER / name).mkdir(parents=True)
        (tree.root / RENDERED_FOLDER / name / "index.html").write_text("page")
        finish_owned(tree.root, tree.root / RENDERED_FOLDER / name)
    counts = tree.prune(keep=1)
    assert [path.name for path in (tree.root / RENDERED_FOLDER).glob("[!.]*")] == [new]
    assert (counts["rendered pages"].removed, counts["rendered pages"].kept) == (2, 1)


def test_a_log_is_cut_to_whole_lines_while_its_writer_goes_on(tree):
    Workspace(tree.root).claim()
    tree.root.joinpath("prefect").mkdir()
    log = tree.root / "prefect" / "server.log"
    with log.open("ab") as writer:
        writer.write(b"a line of the log\n" * 400_000)
        writer.flush()
        tree.prune()
        writer.write(b"the next line\n")
    lines = log.read_bytes().splitlines()
    assert LOG_TAIL_BYTES - 50 < log.stat().st_size <= LOG_TAIL_BYTES + 50
    assert set(lines[:-1]) == {b"a line of the log"} and lines[-1] == b"the next line"


def test_two_at_once_do_not_trip_over_each_other(tree):
    tree.run(1), tree.run(2)
    gc.collect()
    first, second = (plan_prune(Workspace(tree.root), PrunePolicy(keep=1)) for _ in range(2))
    remove_unkept(first)
    remove_unkept(second)
    assert tree.there() == tree.of(2)


class Killed(BaseException):
    """The end of the process at this point."""


@pytest.mark.parametrize("deletions", range(4))
def test_a_kill_while_deleting_leaves_each_stage_whole_or_gone(tree, monkeypatch, deletions):
    tree.run(1), tree.run(2)
    gc.collect()
    done, delete = [], Path.unlink

    def be_killed(path, **options):
        if path.name == "_complete.json":
            if len(done) == deletions:
                raise Killed  # its other files are deleted already
            done.append(path)
        delete(path, **options)

    monkeypatch.setattr(Path, "unlink", be_killed)
    with pytest.raises(Killed):
        tree.prune(keep=1)
    monkeypatch.undo()
    for name in tree.there():
        assert (find_path(tree, name) / "content").exists(), "what has its name is whole"
    assert tree.of(2) <= tree.there()
    counts = tree.prune(keep=1)
    assert counts["leftovers"].removed == 1
    assert tree.there() == tree.of(2)
    assert not list(tree.root.glob("*/.*.old"))


def find_path(tree, name: str) -> Path:
    (path,) = tree.root.glob(f"[!.]*/{tree.keys[name]}")
    return path


def test_a_record_that_names_another_path_removes_nothing(tree, tmp_path_factory):
    tree.run(1)
    outside = tmp_path_factory.mktemp("home") / "thesis"
    outside.mkdir()
    (outside / "chapter.txt").write_text("years of work")
    forged = {"stage": str(outside.parent), "key": "thesis", "created": "2026-01-01T00:00:00+0000", "inputs": {}}
    for number, (stage, key) in enumerate([(str(outside.parent), "thesis"), ("variants", "0" * 16), ("..", "thesis")]):
        folder = tree.root / "downloads" / f"drive-{number}.folder"
        folder.mkdir(parents=True)
        record = folder / "_complete.json"
        record.write_text(json.dumps({**forged, "stage": stage, "key": key, "files": {}}))
        os.utime(record, (time.time() - 9 * DAY,) * 2)
    before = snapshot_of(tree.root, outside.parent)
    tree.prune(keep=1, days=0)
    assert snapshot_of(tree.root, outside.parent) == before


def test_what_a_person_put_into_the_workspace_stays(tree, tmp_path_factory):
    for week in range(1, 4):
        tree.run(week)
    add_extras(tree)
    outside = tmp_path_factory.mktemp("outside")
    (outside / "theirs.txt").write_text("theirs")
    added = add_files_of_a_person(tree.root, outside)
    before = snapshot_of(outside) | {path: path.read_bytes() for path in added}
    counts = tree.prune(keep=1, days=0)
    assert snapshot_of(outside) | {path: path.read_bytes() for path in added} == before
    assert all(link.is_symlink() for link in tree.root.glob("*/linked*"))
    assert counts["variants"].kept_for["other files inside"] == 6
    assert tree.there() == tree.of(1, 2, 3)
    for path in added:
        path.unlink()
    tree.prune(keep=1, days=0)
    assert tree.there() == tree.of(3)


def test_a_stage_behind_a_link_stays_with_all_behind_it(tree, tmp_path_factory):
    tree.run(1), tree.run(2)
    elsewhere = tmp_path_factory.mktemp("large disk") / "variants"
    shutil.move(tree.root / "variants", elsewhere)
    (tree.root / "variants").symlink_to(elsewhere)
    for _ in range(2):
        counts = tree.prune(keep=1, days=0)
    assert {"week1 variant0", "week1 views", "week1 images"} <= tree.there()
    assert counts["variants"].kept_for["behind a link"] == 3
    assert "week1 report" not in tree.there()


def test_another_directory_than_a_workspace_is_refused(tmp_path):
    (tmp_path / "rendered" / "x").mkdir(parents=True)
    (tmp_path / "rendered" / "x" / "page.html").write_text("mine")
    for dry_run in (True, False):
        with pytest.raises(PipelineError, match="Nothing was changed"):
            prune_workspace(Workspace(tmp_path), PrunePolicy(), dry_run)
    assert [path.name for path in tmp_path.rglob("*")] == ["rendered", "x", "page.html"]


def test_a_log_above_five_megabytes_keeps_its_last_megabyte(tree):
    Workspace(tree.root).claim()
    log = tree.root / "prefect" / "server.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"nine char\n" * 500_000)
    assert "logs" not in tree.prune()
    with log.open("ab") as writer:
        writer.write(b"\n")
    expected = KindCount("logs", removed=1, removed_bytes=4_000_001, kept=0, kept_bytes=0, kept_for={})
    assert tree.prune(dry_run=True)["logs"] == expected
    assert log.stat().st_size == 5_000_001
    assert tree.prune()["logs"] == expected
    assert log.read_bytes() == b"nine char\n" * 99_999 + b"\n", "the line that began before the last megabyte is gone"


def test_the_logs_of_all_services_are_cut_and_no_other(tree):
    Workspace(tree.root).claim()
    services = [
        "prefect/server",
        *(f"up/logs/{part}" for part in ("supervisor", "server", "reports", "mlflow", "worker")),
    ]
    for name in (*services, "prefect/other", "app"):
        (tree.root / name).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / f"{name}.log").touch()
        os.truncate(tree.root / f"{name}.log", 5_000_001)
    plan = plan_prune(Workspace(tree.root), PrunePolicy())
    assert sorted(item.path for item in plan) == sorted(tree.root / f"{name}.log" for name in services)


@pytest.mark.parametrize("linked", ["prefect/server.log", "prefect"])
def test_a_log_behind_a_link_is_not_cut(tree, tmp_path_factory, linked):
    Workspace(tree.root).claim()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    log = elsewhere / "server.log"
    log.write_bytes(b"a line of the log\n" * 400_000)
    link = tree.root / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(log if linked.endswith(".log") else elsewhere)
    assert "logs" not in tree.prune()
    assert log.stat().st_size == 7_200_000


def test_kinds_are_counted_and_the_one_that_frees_most_comes_first():
    def item(kind, size, kept_for=""):
        return Item(kind, Path(kind), size, kept_for, lambda: True)

    items = [
        *(item("audits", 1, reason) for reason in ("recent", "in use", "in use")),
        item("views", 7),
        item("views", 5),
        item("views", 100, "recent"),
        *(item(kind, 12) for kind in ("reports", "images")),
        item("folds", 2, "recent"),
    ]
    counts = count_kinds(items)
    assert counts == (
        KindCount("views", removed=2, removed_bytes=12, kept=1, kept_bytes=100, kept_for={"recent": 1}),
        KindCount("images", removed=1, removed_bytes=12, kept=0, kept_bytes=0, kept_for={}),
        KindCount("reports", removed=1, removed_bytes=12, kept=0, kept_bytes=0, kept_for={}),
        KindCount("audits", removed=0, removed_bytes=0, kept=3, kept_bytes=3, kept_for={"in use": 2, "recent": 1}),
        KindCount("folds", removed=0, removed_bytes=0, kept=1, kept_bytes=2, kept_for={"recent": 1}),
    )
    assert list(counts[3].kept_for) == ["in use", "recent"], "the most frequent reason first"


def test_the_disk_usage_is_that_of_du(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one byte").write_bytes(b"1")
    (tmp_path / "large").write_bytes(b"1" * 100_000)
    (tmp_path / "link").symlink_to(tmp_path / "large")
    for path in (tmp_path, tmp_path / "large", tmp_path / "link"):
        said = subprocess.run(["du", "--summarize", "--block-size=1", path], capture_output=True, text=True, check=True)
        assert disk_usage(path) == int(said.stdout.split()[0])
    assert disk_usage(tmp_path / "gone") == 0


def test_a_file_that_is_removed_while_a_directory_is_measured_does_not_count(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).write_text("content")
    expected = sum(path.lstat().st_blocks * 512 for path in (tmp_path, tmp_path / "a", tmp_path / "c"))
    status, asked = Path.lstat, []

    def find_it_gone_at_the_second(path):
        if path.parent == tmp_path:
            asked.append(path.name)
        if path.parent == tmp_path and len(asked) == 2:
            raise FileNotFoundError(path)
        return status(path)

    monkeypatch.setattr(Path, "lstat", find_it_gone_at_the_second)
    assert disk_usage(tmp_path) == expected, "files of equal size"
    assert len(asked) == 3


def test_the_last_change_is_the_newest_of_a_directory_and_all_below(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    (folder / "deeper" / "file").touch()
    paths = (folder, folder / "deeper", folder / "deeper" / "file")
    for newest in paths:
        for path in paths:
            os.utime(path, (1_000 + (path == newest), 1_000 + (path == newest)))
        assert last_change(folder) == 1_001
    assert last_change(tmp_path / "gone") == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_stores_beside_the_workspace_learn_which_stages_stay(tree, dry_run):
    add_reports(tree)
    add_page(tree.root, "rendered/" + tree.keys["week2 report"])
    add_page(tree.root, "rendered/page")
    gc.collect()
    asked, answer = [], KindCount("MLflow runs", 1, 2, 3, 4, {"report": 3})

    def prune_store(kept, dry_run):
        asked.append((kept, dry_run))
        return answer

    counts, times = prune_workspace(Workspace(tree.root), PrunePolicy(keep=1), dry_run, [prune_store, prune_store])
    assert asked == [({tree.keys[name] for name in tree.of(2)}, dry_run)] * 2
    assert counts[-2:] == (answer, answer) and answer not in counts[:-2]
    record = json.loads((tree.root / REPORTS_STAGE / tree.keys["week2 report"] / "_complete.json").read_text())
    assert times == (datetime.fromisoformat(record["created"]),)


def add_page(root: Path, name: str) -> Path:
    """Write a page as this project writes it."""
    page = root / name
    start_owned(root, page)
    page.mkdir(parents=True)
    (page / "index.html").write_text("page")
    finish_owned(root, page)
    return page


def add_reports(tree) -> None:
    """Add two reports with nothing but the data set that each is of."""
    for week in (1, 2):
        dataset = tree.add(f"week{week} dataset", DATASETS_STAGE, week)
        tree.add(f"week{week} report", REPORTS_STAGE, week, dataset=dataset)


def test_reports_are_removed_before_the_stages_that_they_show(tree):
    add_reports(tree)
    kinds = [item.kind for item in plan_prune(Workspace(tree.root), PrunePolicy())]
    assert kinds[:2] == [REPORTS_STAGE] * 2 and REPORTS_STAGE not in kinds[2:]


def test_pages_stay_with_what_they_show(tree):
    add_reports(tree)
    reports = [tree.keys[f"week{week} report"] for week in (1, 2)]
    for name in (*reports, "-".join(reports), f"{reports[0]}-{'0' * 16}"):
        add_page(tree.root, f"{RENDERED_FOLDER}/{name}")
    for name in (tree.keys["week1 dataset"], "0" * 16):
        add_page(tree.root, f"{DATA_DOCS_FOLDER}/{name}")
    counts = tree.prune(keep=2)
    assert (counts["rendered pages"].removed, counts["rendered pages"].kept_for) == (1, {"kept reports": 3})
    assert (counts["data docs"].removed, counts["data docs"].kept_for) == (1, {"kept data sets": 1})


STAGE_WORK = f"variants/.{'a' * 16}.work"
DOWNLOAD = "downloads/drive-1.archive"


def add_old(root: Path, path: Path, target: Path) -> None:
    """Write an old file, or a directory with one, that this project made under the name of `target`."""
    start_owned(root, target)
    path.parent.mkdir(exist_ok=True)
    if path.suffix in (".archive", ".part"):
        path.write_text("content")
    else:
        path.mkdir()
        (path / "content").write_text("content")
    if path == target:
        finish_owned(root, path)
    for below in (*path.rglob("*"), path):
        os.utime(below, (1_000, 1_000))


@pytest.mark.parametrize(
    ("name", "of", "lock"),
    [
        (STAGE_WORK, STAGE_WORK, f"variants/.{'a' * 16}.lock"),
        (f"variants/..{'a' * 16}.work.old", STAGE_WORK, f"variants/.{'a' * 16}.lock"),
        (DOWNLOAD, DOWNLOAD, "downloads/.drive-1.lock"),
        ("downloads/drive-1.folder", "downloads/drive-1.folder", "downloads/.drive-1.lock"),
        (f"{DOWNLOAD}.incomingx.part", DOWNLOAD, "downloads/.drive-1.lock"),
        ("downloads/drive-1.folder.incoming", "downloads/drive-1.folder", "downloads/.drive-1.lock"),
        ("downloads/.drive-1.archive.old", DOWNLOAD, "downloads/.drive-1.lock"),
        ("rendered/page", "rendered/page", "rendered/.lock"),
        ("rendered/.page.old", "rendered/page", "rendered/.lock"),
        ("data_docs/page", "data_docs/page", "data_docs/.lock"),
    ],
)
def test_what_its_writer_locks_after_the_plan_stays(tree, name, of, lock):
    Workspace(tree.root).claim()
    path = tree.root / name
    add_old(tree.root, path, tree.root / of)
    (item,) = plan_prune(Workspace(tree.root), PrunePolicy())
    assert (item.path, item.kept_for, item.size_bytes) == (path, "", disk_usage(path))
    with locked(tree.root / lock, lambda: False):
        assert [left.kept_for for left in remove_unkept([item])] == ["in use"]
        assert path.exists() and list(list_owned(tree.root)) == [tree.root / of]
    assert [left.kept_for for left in remove_unkept([item])] == [""]
    assert not path.exists()
    partial = ".incoming" in name
    assert list(list_owned(tree.root)) == ([tree.root / of] if partial else []), "a download that goes on keeps its own"


def test_broken_off_work_is_found_among_everything_else_that_is_ours(tree):
    Workspace(tree.root).claim()
    works = [tree.root / "variants" / f".{digit * 16}.work" for digit in "01234"]
    for number, work in enumerate(works):
        add_page(tree.root, f"rendered/{number}")
        add_old(tree.root, work, work)
    plan = plan_prune(Workspace(tree.root), PrunePolicy())
    assert sorted(item.path for item in plan if item.kind == "broken-off work") == works


def test_a_stage_that_is_written_now_is_in_use(tree):
    Workspace(tree.root).claim()
    add_old(tree.root, tree.root / STAGE_WORK, tree.root / STAGE_WORK)
    with locked(tree.root / f"variants/.{'a' * 16}.lock", lambda: False):
        assert [item.kept_for for item in plan_prune(Workspace(tree.root), PrunePolicy(days=0))] == ["in use"]


def test_a_page_to_which_a_person_added_something_after_the_plan_stays(tree):
    Workspace(tree.root).claim()
    page = add_page(tree.root, "rendered/page")
    (item,) = plan_prune(Workspace(tree.root), PrunePolicy())
    (page / "notes.txt").write_text("mine")
    assert [left.kept_for for left in remove_unkept([item])] == ["in use"]
    assert (page / "notes.txt").exists()
    (item,) = plan_prune(Workspace(tree.root), PrunePolicy())
    assert item.kept_for == "other files inside"


@pytest.mark.parametrize(("age", "kept_for"), [(3 * DAY - 1, "recent"), (3 * DAY, "")])
@pytest.mark.parametrize(
    ("name", "of"), [(STAGE_WORK, STAGE_WORK), (DOWNLOAD, DOWNLOAD), (f"{DOWNLOAD}.incomingx.part", DOWNLOAD)]
)
def test_unfinished_work_and_downloads_stay_for_three_days(tree, monkeypatch, name, of, age, kept_for):
    Workspace(tree.root).claim()
    path = tree.root / name
    add_old(tree.root, path, tree.root / of)
    monkeypatch.setattr(time, "time", lambda: 1_000 + age)
    assert [(item.path, item.kept_for) for item in plan_prune(Workspace(tree.root), PrunePolicy())] == [
        (path, kept_for)
    ]


def test_the_archive_of_images_that_stay_is_kept_and_no_other_file_with_its_content(tree):
    content = hashlib.sha256(b"content").hexdigest()
    images = tree.add("images", IMAGES_STAGE, 9, archive_sha256=content)
    tree.add("report", REPORTS_STAGE, 9, images=images)
    for name in ("drive-1.archive", "drive-2.folder", "drive-3.archive"):
        path = tree.root / "downloads" / name
        add_old(tree.root, path, path)
    other = tree.root / "downloads" / "drive-3.archive"
    other.write_text("another")
    os.utime(other, (1_000, 1_000))
    counts = tree.prune()
    assert (counts["downloads"].removed, counts["downloads"].kept_for) == (2, {"kept images": 1})
    assert (tree.root / DOWNLOAD).exists()


def test_what_is_left_of_a_removed_stage_is_found_by_its_record_or_by_being_empty(tree):
    folder = tree.root / "variants"
    stage = folder / tree.add("variant", "variants", 1)
    gc.collect()
    stage.replace(stage.with_name(f".{stage.name}.old"))
    (folder / ".0123456789abcdef.old").mkdir()
    shutil.copytree(stage.with_name(f".{stage.name}.old"), folder / f".{'1' * 16}.old")  # a record of another name
    (folder / f".{'2' * 16}.old").write_text("")
    found = {item.path.name for item in plan_prune(Workspace(tree.root), PrunePolicy()) if item.kind == "leftovers"}
    assert found == {f".{stage.name}.old", ".0123456789abcdef.old"}


def test_what_a_killed_fetch_left_goes_unless_it_is_being_fetched(tree):
    tree.run(1)
    keys = ["a" * 16, "b" * 16]
    for key in keys:
        fetched = tree.root / "variants" / f".{key}.fetch"
        fetched.mkdir(parents=True)
        (fetched / "half").write_text("half")
        start_owned(tree.root, fetched)
    with try_lock(tree.root / "variants" / f".{keys[1]}.lock") as mine:
        assert mine
        tree.prune(keep=1)
    assert [path.name for path in (tree.root / "variants").glob(".*.fetch")] == [f".{keys[1]}.fetch"]
