"""A student through the command, on the sample set: taught, reported with what it cost, and found done again."""

import pytest

from data.records.run import RunResults
from data.views.augment import LIGHT_AUGMENT
from models.catalog.presets import Preset
from models.catalog.train_config import TrainConfig
from tests.support.emotion_command import run_emotion

pytestmark = pytest.mark.slow

RUN_NAME = "taught on sample"


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A preset file with one variant, so that there is no vote and it teaches alone."""
    path = tmp_path_factory.mktemp("preset") / "taught.json"
    recipe = TrainConfig(epochs=1, optimizer="adam", learning_rate=1e-3, precision="float32", label_smoothing=0.1)
    preset = Preset(
        description="one network, taught by itself",
        variants=("compact",),
        augment=LIGHT_AUGMENT,
        views=2,
        train=recipe,
        ensemble=True,
        student="compact",
    )
    path.write_text(preset.model_dump_json())
    return path


@pytest.fixture(scope="module")
def tasks(server, workspace, preset):
    """The tasks of the first run."""
    outcome = run_emotion(workspace, "run", "--preset", str(preset))
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-4000:]
    (flow_run,) = server.ask("flow_runs", flow_runs={"name": {"any_": [RUN_NAME]}})
    return server.tasks_of(flow_run["id"])


@pytest.fixture(scope="module")
def variants(tasks, workspace):
    (path,) = workspace.glob("reports/*/results.json")
    return {variant.name: variant for variant in RunResults.model_validate_json(path.read_text()).variants}


def test_the_student_is_a_variant_of_the_report(variants, workspace):
    student = variants["student"]
    assert student.status == "trained" and variants["ensemble"].status == "skipped"
    assert student.description.startswith("compact taught by compact alone: ")
    assert (student.train_config["teacher_share"], student.train_config["label_smoothing"]) == (0.7, 0)
    assert student.layers == variants["compact"].layers
    assert {part.images for part in student.parts.values()} == {
        part.images for part in variants["compact"].parts.values()
    }
    (page,) = workspace.glob("reports/*/index.html")
    assert "let it label 1 view and" in page.read_text()


def test_its_cost_holds_its_teachers(variants):
    student, taught = variants["student"], variants["student"].plan.taught
    assert (taught.teacher, taught.views) == ("compact", 1), "one epoch reads one view"
    assert taught.teacher_core_seconds == variants["compact"].core_seconds
    parts = taught.teacher_core_seconds + taught.core_seconds + taught.own_core_seconds
    assert student.core_seconds == pytest.approx(parts, abs=0.1)


def test_the_graph_leads_from_the_teacher_to_the_student(tasks):
    def parents(name):
        inputs = tasks[name]["task_inputs"]
        return {value["id"] for values in inputs.values() for value in values if "id" in value}

    assert tasks["train compact"]["id"] in parents("label views with compact")
    assert tasks["label views with compact"]["id"] in parents("train student")
    assert tasks["train student"]["id"] in parents("publish report")


def test_the_lineage_names_the_soft_labels(variants, workspace):
    (labels,) = (path for path in (workspace / "soft_labels").iterdir() if path.is_dir())
    (path,) = workspace.glob("reports/*/results.json")
    assert RunResults.model_validate_json(path.read_text()).lineage["soft_labels/student"] == labels.name


def test_a_repeat_finds_teaching_and_student_done(tasks, server, workspace, preset):
    outcome = run_emotion(workspace, "run", "--preset", str(preset))
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    runs = server.ask("flow_runs", flow_runs={"name": {"any_": [RUN_NAME]}}, sort="START_TIME_DESC")
    states = {name: task["state"]["name"] for name, task in server.tasks_of(runs[0]["id"]).items()}
    assert {states[name] for name in ("label views with compact", "train student", "publish report")} == {"Cached"}
