"""The comparison of two runs as a page: sentences from its figures, and nothing that breaks it."""

import pytest

from data.records.run_difference import Change, RunDifference, RunLabel, VariantDifference, VariantFigures
from reports.difference.page import (
    difference_cautions,
    difference_method,
    difference_rows,
    difference_sentences,
    render_difference,
)
from reports.run.markdown import render_markdown
from reports.run.page import render_page
from tests.support.run_factory import analyse, make_run

HOSTILE = "<script>alert(1)</script>|`*[x](y)"


def figures(accuracy, **changes):
    fields = {"accuracy_low": accuracy - 0.01, "accuracy_high": accuracy + 0.01, "macro_f1": accuracy, "log_loss": 1.0}
    return VariantFigures(accuracy=accuracy, core_seconds=100, **{**fields, **changes})


def label(name="quick on sample", **changes):
    fields = {"best": "compact", "accuracy": 0.7, "accuracy_low": 0.69, "accuracy_high": 0.71}
    return RunLabel(
        run_name=name,
        started="2026-03-14T09:26:53+00:00",
        preset="quick",
        validation_images=5000,
        **{**fields, **changes},
    )


def moved(name, gain, p_holm, **changes):
    return VariantDifference(
        name=name,
        method="paired",
        earlier=figures(0.7),
        later=figures(0.7 + gain, **changes),
        difference=gain,
        low=gain - 0.02,
        high=gain + 0.02,
        p_value=p_holm,
        p_holm=p_holm,
    )


@pytest.fixture
def difference():
    return RunDifference(
        earlier=label(),
        later=label("quick on other"),
        paired=True,
        variants=(
            moved("up", 0.05, 0.0),
            moved("level", 0.004, 0.6),
            moved("down", -0.03, 0.04),
            VariantDifference(name="twin", method="same training", earlier=figures(0.6), later=figures(0.6)),
            VariantDifference(name="fresh", method="in one run only", later=figures(0.5)),
        ),
        changes=(Change(area="versions", what="keras", earlier="3.15.0", later="3.16.0"),),
    )


def test_sentences_say_what_is_significant_and_which_way(difference):
    assert difference_sentences(difference)[1:] == [
        "More accurate than before: up (+5.0 points).",
        "Less accurate than before: down (−3.0 points).",
        "Not distinguishable from before: level (+0.4 points).",
    ]
    assert [row.outcome for row in difference_rows(difference)] == [
        "better",
        "not distinguishable",
        "worse",
        "the same training",
        "new",
    ]


def test_the_method_is_said(difference):
    assert "in pairs on the same 5,000 validation images" in difference_method(difference)
    apart = difference.model_copy(update={"paired": False, "unpaired_because": "their validation images differ"})
    assert "two proportions" in difference_method(apart)
    assert "since their validation images differ" in difference_method(apart)


def test_what_undermines_a_comparison_comes_first(difference):
    assert difference_cautions(difference) == []
    mixed = difference.model_copy(update={"later": label(synthetic=True)})
    assert [caution.level for caution in difference_cautions(mixed)] == ["critical"]
    peeking = difference.model_copy(update={"variants": (moved("up", 0.05, 0.01, chosen_on_validation=True),)})
    assert "up were chosen on validation" in difference_cautions(peeking)[0].text


def test_the_page_has_every_figure_and_asks_for_nothing(difference, tmp_path):
    page = render_difference(difference, tmp_path).read_text()
    for text in ("+5.0", "+3.0 to +7.0", "&lt; 0.001", "3.16.0", "not distinguishable"):
        assert text in page
    assert "http" not in page.replace("http-equiv", "")
    assert "| up | 70.0% | 75.0% | +5.0 |" in (tmp_path / "compare.md").read_text()


def test_hostile_names_stay_text(difference, tmp_path):
    hostile = difference.model_copy(
        update={
            "earlier": label(HOSTILE),
            "variants": (moved(HOSTILE, 0.1, 0.5), moved("x" * 10_000, 0.1, 0.5)),
            "changes": (Change(area="data", what=HOSTILE, earlier=HOSTILE, later="y" * 10_000),),
        }
    )
    page = render_difference(hostile, tmp_path).read_text()
    assert "<script" not in page
    assert "<script" not in (tmp_path / "compare.md").read_text()


def test_two_runs_without_a_score_say_so(difference, tmp_path):
    nothing = {"best": "", "accuracy": None, "accuracy_low": None, "accuracy_high": None}
    empty = RunDifference(earlier=label(**nothing), later=label(**nothing), paired=False, variants=(), changes=())
    page = render_difference(empty, tmp_path).read_text()
    assert "No variant is scored in the earlier and later run." in page
    assert "Neither run has a scored variant." in page
    assert "Nothing that is recorded" in page


def test_a_report_says_what_moved_since_the_last(tmp_path):
    earlier = make_run(tmp_path / "a").model_copy(update={"run_name": "quiet-owl", "code_version": "0000001"})
    later = make_run(tmp_path / "b", {"compact": 0.4}).model_copy(update={"lineage": {"images": "b"}})
    renamed = tmp_path / "b" / "compact-anew"  # directories are named for trainings, and these are not one
    (tmp_path / "b" / "compact").rename(renamed)
    compact = later.variants[0].model_copy(update={"directory": str(renamed)})
    results = analyse(later.model_copy(update={"variants": (compact, *later.variants[1:])}), earlier)
    page, markdown = render_page(results), render_markdown(results)
    for text in (page, markdown):
        assert "Compared with quiet-owl" in text
        assert "Less accurate than before: compact (" in text
        assert "0000001" in text
    assert "### Made differently" in markdown
    first = analyse(earlier)
    assert "This is the first report on this source" in render_page(first)
    assert "Since the last report" not in render_markdown(first)
