"""The whole story through a real Prefect server: smoke on the sample set, read back from the server's API."""

import json
import shutil
import zipfile
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from data.base.data_format import SEED_FORMAT
from data.base.paths import PROJECT_ROOT
from data.records.dataset import DataSummary
from data.records.run import RunResults
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.steps.repeat_command import repeat_command
from models.export.bundle import read_bundle
from models.export.find import champion_export
from models.registry.champion import ModelRegistry
from reports.run.summary import scored_variants
from tasks.support.events import DATA_REJECTED
from tests.support.emotion_command import run_emotion
from tests.support.image_tree import make_pixels, write_image


@pytest.fixture(scope="module")
def first(server, workspace):
    """The first run: its command's outcome, and its flow run."""
    outcome = run_emotion(workspace, "run", "--preset", "smoke")
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-4000:]
    (flow_run,) = server.ask("flow_runs", flow_runs={"name": {"any_": ["smoke on sample"]}})
    return outcome, flow_run


@pytest.fixture(scope="module")
def results(first, workspace):
    (path,) = workspace.glob("reports/*/results.json")
    return RunResults.model_validate_json(path.read_text())


def test_the_command_prints_the_table_and_the_report(first, results, workspace):
    outcome, _ = first
    assert "by validation accuracy" in outcome.stdout
    for variant in scored_variants(results):
        assert f"{variant.parts['validation'].accuracy:.1%}" in outcome.stdout
    (page,) = workspace.glob("reports/*/index.html")
    assert str(page) in outcome.stdout


def test_a_run_whose_output_is_piped_prints_no_escape_codes(first):
    outcome, _ = first
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert "Task run 'train compact' - compact: epoch 2/2" in outcome.stderr


def test_the_flow_run_and_its_tasks_completed(first, server, results):
    _, flow_run = first
    assert flow_run["state"]["type"] == "COMPLETED"
    tasks = server.tasks_of(flow_run["id"])
    assert set(tasks) == {
        "generate sample images",
        "build manifest",
        "validate data",
        "compare with the last data",
        "publish verdict",
        "accept data",
        "build 2 views",
        "train compact",
        "train light",
        "build ensemble",
        "audit labels",
        "recover champion moves",
        "decide on the champion",
        f"export {results.decision.challenger.variant}",
        "publish report",
        "track report",
        "apply decision",
        "prune workspace",
    }
    assert {task["state"]["type"] for task in tasks.values()} == {"COMPLETED"}


def test_the_graph_leads_from_the_images_to_the_report(first, server):
    tasks = server.tasks_of(first[1]["id"])
    parents = {
        name: {value["id"] for values in task["task_inputs"].values() for value in values if "id" in value}
        for name, task in tasks.items()
    }
    assert tasks["build manifest"]["id"] in parents["validate data"]
    assert tasks["validate data"]["id"] in parents["compare with the last data"]
    assert tasks["compare with the last data"]["id"] in parents["publish verdict"]
    assert tasks["publish verdict"]["id"] in parents["accept data"]
    assert tasks["accept data"]["id"] in parents["build 2 views"]
    assert tasks["build 2 views"]["id"] in parents["train compact"]
    assert tasks["train light"]["id"] in parents["audit labels"]
    assert tasks["train light"]["id"] in parents["build ensemble"]
    assert {tasks["train light"]["id"], tasks["build ensemble"]["id"]} <= parents["publish report"]


def test_task_logs_hold_every_epoch(first, server, results):
    tasks = server.tasks_of(first[1]["id"])
    for variant in [v for v in results.variants if v.name != "ensemble"]:
        lines = "\n".join(server.logs_of(tasks[f"train {variant.name}"]["id"]))
        for record in variant.epochs:
            assert f"epoch {record.epoch}/2, loss {record.loss:.4f}" in lines


def test_artifacts_show_data_leaderboard_report_and_progress(first, server, results):
    artifacts = {artifact["key"]: artifact for artifact in server.ask("artifacts")}
    trainings = {"training-compact", "training-light"}
    assert set(artifacts) == {
        *("data-quality", "label-audit", "leaderboard", "report", "decision", "champion", "exports"),
        *trainings,
    }
    assert artifacts["training-compact"]["data"] == 100
    rows = json.loads(artifacts["leaderboard"]["data"])
    assert [row["variant"] for row in rows] == [variant.name for variant in results.variants]
    assert results.variants[0].name in artifacts["report"]["data"]


def test_validation_found_the_planted_faults(results):
    data = results.data
    assert data.synthetic
    assert data.leaking_train_images == 4
    assert data.undecodable_images == 1
    assert data.blank_images == 2
    assert data.label_conflict_images == 4
    assert not data.after.failed("critical")


def test_results_add_up(results):
    used = results.data.counts_used
    assert {variant.name for variant in results.variants if variant.epochs} == {"compact", "light"}
    for variant in scored_variants(results):
        validation = variant.parts["validation"]
        assert validation.images == sum(used["validation"].values())
        assert sum(map(sum, validation.confusion)) == validation.images
    assert results.best is not None
    assert results.best.name == results.variants[0].name


def test_a_repeat_finds_every_stage_done(first, server, workspace):
    outcome = run_emotion(workspace, "run", "--preset", "smoke")
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    runs = server.ask("flow_runs", flow_runs={"name": {"any_": ["smoke on sample"]}}, sort="START_TIME_DESC")
    states = defaultdict(set)
    for name, task in server.tasks_of(runs[0]["id"]).items():
        states[task["state"]["name"]].add(name)
    assert states.pop("Completed") == {"recover champion moves", "prune workspace"}
    assert set(states) == {"Cached"}
    assert (runs[0]["state"]["type"], runs[0]["state"]["name"]) == ("COMPLETED", "Nothing to do")
    (page,) = workspace.glob("reports/*/index.html")
    assert str(page) in runs[0]["state"]["message"]
    assert len(ModelRegistry(workspace).history()) == 1, "decided and carried out once"


def test_the_first_run_makes_the_first_champion(first, results, workspace):
    assert results.decision is not None
    assert (results.decision.outcome, results.decision.champion) == ("promote", None)
    registry = ModelRegistry(workspace)
    version = registry.show(registry.champion())
    assert version.tags["emotion.variant"] == results.decision.challenger.key
    assert version.tags["emotion.report"] == next(workspace.glob("reports/*/index.html")).parent.name
    assert version.tags["emotion.synthetic"] == "true"
    (move,) = [entry.move for entry in registry.history()]
    assert (move.source, move.target, move.by) == (0, version.version, "the promotion policy")


def test_the_first_champion_is_exported_and_stays_so_when_the_workspace_is_pruned(first, results, workspace):
    version, path = champion_export(workspace)
    assert version == 1 and path is not None
    bundle = read_bundle(path)
    assert bundle.variant_key == results.decision.challenger.key
    assert {one.format for one in bundle.formats if one.offered} >= {"saved_model", "onnx", "litert"}
    assert ModelRegistry(workspace).show(1).tags["emotion.export"] == path.name
    assert results.exports == (bundle,), "the report of the run that made the champion has the table of its formats"


def test_no_record_holds_a_path_of_this_host(first, workspace):
    own = {"child.log", "mlflow.db"}  # a log is no record, and the paths of the database follow a move
    holding = [
        path
        for path in workspace.rglob("*")
        if path.is_file()
        and path.name not in own
        and "prefect" not in path.relative_to(workspace).parts
        and any(str(root).encode() in path.read_bytes() for root in (workspace, PROJECT_ROOT))
    ]
    assert holding == []


@pytest.mark.slow
def test_repeats_over_seeds_train_the_new_seeds_alone(first, results, server, workspace, tmp_path):
    copied = shutil.copytree(workspace, tmp_path / "workspace")
    outcome = run_emotion(copied, "run", "--preset", "smoke", "--variants", "compact", "--seeds", "2")
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    runs = server.ask("flow_runs", flow_runs={"name": {"any_": ["smoke on sample"]}}, sort="START_TIME_DESC")
    tasks = server.tasks_of(runs[0]["id"])
    states = {name: task["state"]["name"] for name, task in tasks.items() if name.startswith("train ")}
    assert states == {"train compact": "Cached", "train compact (seed 43)": "Completed"}
    reports = [RunResults.model_validate_json(path.read_text()) for path in copied.glob("reports/*/results.json")]
    (repeated,) = [report for report in reports if report.variants[0].repeats]
    (before,) = [variant for variant in results.variants if variant.name == "compact"]
    compact = repeated.variants[0]
    assert compact.parts == before.parts
    assert [(repeat.seed, repeat.status) for repeat in compact.repeats] == [(42, "trained"), (43, "trained")]
    assert compact.repeats[0].validation_accuracy == before.parts["validation"].accuracy
    assert compact.repeats[0].training != compact.repeats[1].training
    assert repeated.lineage["variants/compact (seed 43)"] == compact.repeats[1].training
    assert "compact, validation over seeds" in outcome.stdout
    assert "training-compact-seed-43" in {artifact["key"] for artifact in server.ask("artifacts")}


@pytest.mark.slow
def test_a_failed_audit_costs_the_report_its_section_only(first, server, workspace, tmp_path):
    damaged = shutil.copytree(workspace, tmp_path / "workspace")
    shutil.rmtree(damaged / "audits")
    (damaged / "audits").touch()  # a file where the stage would be written
    for path in damaged.glob("images/*/images/*/*/*"):
        path.write_bytes(bytes(path.stat().st_size))  # costs the report the faces that it would show
    outcome = run_emotion(damaged, "run", "--preset", "smoke")
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    runs = server.ask("flow_runs", flow_runs={"name": {"any_": ["smoke on sample"]}}, sort="START_TIME_DESC")
    tasks = server.tasks_of(runs[0]["id"])
    assert tasks["audit labels"]["state"]["type"] == "FAILED"
    assert tasks["publish report"]["state"]["type"] == "COMPLETED"
    whole, without = sorted(damaged.glob("reports/*/report.md"), key=lambda path: path.stat().st_mtime)
    assert "# Label audit" in whole.read_text()
    assert "# Label audit" not in without.read_text()


def test_the_report_links_to_a_server_that_lasts(results, first):
    assert results.prefect_url.endswith(f"/flow-run/{first[1]['id']}")


def test_ingest_prints_findings_with_counts(first, server, workspace):
    outcome = run_emotion(workspace, "ingest")
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    assert "duplicate groups across splits: 4" in outcome.stdout
    assert "train images that are also in validation or test: 4" in outcome.stdout


def test_two_epochs_are_too_few_to_judge_labels(first, workspace):
    (suspects,) = workspace.glob("audits/*/suspects.csv")
    assert pd.read_csv(suspects, encoding="utf-8-sig").empty
    assert "The labels were not audited: " in " ".join((first[0].stdout + first[0].stderr).split())


def test_a_persons_answers_about_labels_are_an_input_of_the_next_run(first, workspace, server, tmp_path):
    (manifest,) = workspace.glob("datasets/*/manifest.parquet")
    faces = pd.read_parquet(manifest).query("part == 'test' and label == 'happy'").iloc[:2]
    table = faces[["path", "pixel_sha256"]].rename(columns={"path": "image_id"})
    table.assign(new_label=["sad", "remove"]).to_csv(tmp_path / "relabel.csv", index=False)
    outcome = run_emotion(workspace, "ingest", "--relabel", str(tmp_path / "relabel.csv"))
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    assert "set aside, relabel_removed: 1" in outcome.stdout
    assert "verdict.html" in outcome.stdout


def test_the_crowds_choice_is_the_truth_that_a_run_declares(first, workspace, server, tmp_path):
    faces = pd.read_parquet(min(workspace.glob("datasets/*/manifest.parquet"), key=lambda path: path.stat().st_mtime))
    crowd = faces.label.replace("happy", "surprise")
    votes = pd.get_dummies(crowd) * 8 + pd.get_dummies(faces.label) * 2
    votes.assign(image=faces.path).to_csv(tmp_path / "votes.csv", index=False)
    before = set(workspace.glob("reports/*/results.json"))
    arguments = ("--preset", "smoke", "--variants", "light", "--votes", str(tmp_path / "votes.csv"), "--truth", "crowd")
    outcome = run_emotion(workspace, "run", *arguments)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    (path,) = set(workspace.glob("reports/*/results.json")) - before
    found = RunResults.model_validate_json(path.read_text())
    (variant,) = scored_variants(found)
    rows = pd.read_parquet(workspace / "variants" / variant.training / "predictions.parquet")
    rows = rows.query("part == 'validation'")
    predicted = rows.filter(like="probability_").to_numpy().argmax(axis=1)
    chosen = rows.image_id.map(dict(zip(faces.path, crowd, strict=True))).map(SEED_FORMAT.labels.index)
    assert variant.parts["validation"].accuracy == pytest.approx((chosen == predicted).mean())
    assert (chosen == predicted).mean() != (rows.label == predicted).mean()
    assert found.truth == found.decision.truth == "crowd"
    assert "by the choice of the crowd" in " ".join(outcome.stdout.split())


def test_the_judged_data_set_has_its_pages(first, workspace):
    datasheets = list(workspace.glob("datasets/*/datasheet.md"))
    assert datasheets and all("generated" in datasheet.read_text().lower() for datasheet in datasheets)
    pages = {path.parent.name for path in workspace.glob("data_docs/*/index.html")}
    assert pages == {datasheet.parent.name for datasheet in datasheets}


def test_a_refused_data_set_trains_nothing_and_says_why(server, workspace, tmp_path):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    (tmp_path / "train" / "happy" / "0.jpg").write_bytes(b"no image")
    outcome = run_emotion(workspace, "run", "--preset", "smoke", "--source", str(tmp_path))
    assert outcome.returncode == 1
    assert "the data set is refused" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "verdict.html" in outcome.stderr.replace("\n", "")
    (run,) = server.ask("flow_runs", flow_runs={"name": {"any_": [f"smoke on {tmp_path.name}"]}})
    assert run["state"]["type"] == "FAILED"
    assert not [name for name in server.tasks_of(run["id"]) if name.startswith("train ")]
    (event,) = server.events_named(DATA_REJECTED)
    assert event["payload"]["outcome"] == "refused"
    assert "verdict.html" in event["payload"]["page"]
    assert run["id"] in str(event["related"])


def test_a_local_archive_is_not_downloaded_and_unpacked_only_once(server, workspace, tmp_path):
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr("train/happy/0.jpg", b"no image")
    for limit in ("1000", "2000"):  # a limit refuses or not, and changes nothing of what is written
        outcome = run_emotion(workspace, "ingest", "--source", str(tmp_path / "faces.zip"), EMOTION_MAX_FILES=limit)
        assert "the data set is refused" in outcome.stderr
    runs = server.ask("flow_runs", flow_runs={"name": {"any_": ["ingest faces.zip"]}}, sort="START_TIME_ASC")
    first, second = ({name: task["state"]["name"] for name, task in server.tasks_of(run["id"]).items()} for run in runs)
    assert (first["download from archive"], first["unpack images"]) == ("Cached", "Completed")
    assert (second["download from archive"], second["unpack images"]) == ("Cached", "Cached")
    unpacked = "\n".join(server.logs_of(server.tasks_of(runs[0]["id"])["unpack images"]["id"]))
    assert "1 files below the data set root" in unpacked, "what data/ says is in the run's log"


@pytest.mark.parametrize(
    ("parameters", "command"),
    [
        (
            {"source": "a b.zip", "preset": "quick", "seed": 1, "variants": [], "time_budget_minutes": 0},
            "emotion run --source 'a b.zip' --preset quick --seed 1",
        ),
        (
            {"source": "sample", "preset": "seed", "seed": 2, "variants": ["cnn_2"], "time_budget_minutes": 1.5},
            "emotion run --source sample --preset seed --seed 2 --variants cnn_2 --time-budget 1.5",
        ),
        (
            {"source": "sample", "preset": "smoke", "seed": 2, "seeds": 1},
            "emotion run --source sample --preset smoke --seed 2",
        ),
        (
            {"source": "sample", "preset": "smoke", "seed": 2, "seeds": 5, "variants": ["cnn_2"]},
            "emotion run --source sample --preset smoke --seed 2 --seeds 5 --variants cnn_2",
        ),
        (
            {
                "source": "sample",
                "preset": "smoke",
                "seed": 3,
                "relabel": "my relabel.csv",
                "policies": RulePolicies(not_blank="fail"),
                "limits": DataLimits(minimum_test_images=5),
            },
            "emotion run --source sample --preset smoke --seed 3 --relabel 'my relabel.csv' --policy=not_blank=fail "
            "--limit=minimum_test_images=5",
        ),
    ],
)
def test_the_command_that_repeats_a_run(parameters, command):
    assert repeat_command(parameters) == command


def test_any_folders_of_classes_are_a_data_set_of_their_own_format(server, workspace, tmp_path):
    random = np.random.default_rng(5)
    for label in ("yes", "no"):
        for number in range(60):
            pixels = np.dstack([make_pixels(random, 70)] * 2 + [make_pixels(random, 70)])
            write_image(tmp_path / "faces" / label / f"{number}.png", pixels)
    choices = ["--labels", "auto", "--image-size", "64", "--color", "gray"]
    few = [f"--limit=minimum_{split}_images=3" for split in ("train", "validation", "test")]
    outcome = run_emotion(workspace, "ingest", "--source", str(tmp_path / "faces"), *choices, *few)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    for path in workspace.glob("datasets/*/summary.json"):
        summary = DataSummary.model_validate_json(path.read_bytes())
        if summary.data_format.labels == ("no", "yes"):
            break
    assert summary.data_format.shape == (64, 64, 1)
    assert {part: sum(of.values()) for part, of in summary.counts_published.items()} == {
        "train": 86, "validation": 16, "test": 18,
    }  # fmt: skip
    pages = [path.read_text() for path in workspace.glob("verdicts/*/verdict.html")]
    (reading,) = [page for page in pages if "2 classes (no, yes)" in page]
    assert "test was taken from train: 18 images" in reading
    assert "resized to 64x64 120, colour to gray 120" in reading
