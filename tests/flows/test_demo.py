"""The preset of `make run`, as a newcomer runs it: a comparison that is worth reading."""

import pytest

from data.records.run import RunResults
from models.catalog.presets import PRESETS
from tests.support.emotion_command import run_emotion

pytestmark = pytest.mark.slow

CHANCE = 0.25


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("demo") / "workspace"
    outcome = run_emotion(workspace, "run", "--source", "sample", "--preset", "demo", "--plain")
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    (path,) = workspace.glob("reports/*/results.json")
    return RunResults.model_validate_json(path.read_text())


def test_every_variant_is_clearly_above_chance(results):
    trained = {variant.name: variant for variant in results.variants}
    assert set(trained) == {*PRESETS["demo"].variants, "ensemble"}
    assert {variant.status for variant in trained.values()} == {"trained"}
    lowest = min(variant.parts["validation"].accuracy_low for variant in trained.values())
    assert lowest > CHANCE + 0.15


def test_the_notebooks_four_questions_are_answered(results):
    assert {answer.topic for answer in results.analysis.questions} == {"colour", "frozen", "augmentation", "depth"}
    (augmentation,) = (answer for answer in results.analysis.questions if answer.topic == "augmentation")
    assert augmentation.recipe_differs == (), "the pair differs in what is asked about alone"


def test_light_plain_was_trained_on_the_original_images(results):
    by_name = {variant.name: variant for variant in results.variants}
    assert by_name["light"].augmentation["views"] > 1 and by_name["light"].augmentation["horizontal_flip"]
    plain = by_name["light_plain"]
    assert (plain.augmentation["views"], plain.augmentation["horizontal_flip"]) == (1, False)
    assert {record.view for record in plain.epochs} == {0}


def test_the_best_variants_know_enough_to_judge_labels(results):
    assert results.analysis.errors.variants >= 2
    assert results.analysis.errors.shared_suspects is not None
