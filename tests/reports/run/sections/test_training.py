"""How the trainings went: marks in the charts, and every epoch in the tables behind them."""

import pytest

from reports.run.sections.training import accuracy_range, describe_target, epoch_rows, training_figure
from tests.support.results_factory import make_results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("run"), trained=2)


def test_training_marks_where_it_was_resumed_cut_short_and_stopped(results):
    variant = results.variants[0]
    plain = tuple(epoch.model_copy(update={"resumed": False, "partial": False}) for epoch in variant.epochs)
    marked = training_figure(variant, "curve", (0, 100))
    unmarked = training_figure(variant.model_copy(update={"epochs": plain}), "curve", (0, 100))
    assert marked.count("<use") == unmarked.count("<use") + 2
    unstopped = training_figure(variant.model_copy(update={"stopped_because": "the plan"}), "curve", (0, 100))
    assert marked.count("<use") == unstopped.count("<use") + 1
    assert training_figure(variant.model_copy(update={"epochs": ()}), "curve", (0, 100)) == ""


def test_accuracy_range_holds_all_finite_values(results):
    low, high = accuracy_range(results.variants)
    seen = [100 * epoch.monitor_accuracy for variant in results.variants for epoch in variant.epochs]
    assert 0 <= low < min(seen) and max(seen) < high <= 100
    assert accuracy_range([]) == (0.0, 100.0)


def test_every_epoch_is_in_the_table_with_its_rate_and_time(results):
    variant = results.variants[0]
    rows = epoch_rows(variant)
    assert len(rows) == len(variant.epochs)
    assert (rows[0]["learning rate"], rows[0]["seconds"], rows[0]["note"]) == ("0.001", "22.0", "")
    assert [row["note"] for row in rows if row["note"]] == ["resumed", "best", "cut short, stopped early"]
    undefined = variant.epochs[0].model_copy(update={"learning_rate": float("nan")})
    assert epoch_rows(variant.model_copy(update={"epochs": (undefined,)}))[0]["learning rate"] == "–"


@pytest.mark.parametrize(
    ("target", "words"), [("label", ""), ("majority", "class that most people"), ("votes", "votes")]
)
def test_a_chart_says_what_was_trained_towards(results, target, words):
    variant = results.variants[0].model_copy(update={"train_config": {"target": target}})
    assert words in describe_target(variant) and bool(describe_target(variant)) == bool(words)
