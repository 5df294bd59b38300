"""The ranking, the answer in sentences and the cautions agree with the results they are made from."""

import json
import math

import pytest

from data.records.run import BestOfMany
from reports.common.formatting import (
    date_text,
    duration,
    file_size,
    number,
    observed_text,
    percent,
    percentage_points,
    plural,
    probability_value,
)
from reports.run.summary import best_variant, cautions, leaderboard_rows, scored_variants, summary_sentences
from reports.site.entries import make_entry
from tests.support.results_factory import make_data, make_results, with_accuracy


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.7512), "75.1%"),
        (percent(math.nan), "–"),
        (percentage_points(-0.0123), "−1.2"),
        (percentage_points(0.05), "+5.0"),
        (number(1234567), "1,234,567"),
        (number(math.inf, 2), "–"),
        (observed_text(20214), "20,214"),
        (observed_text(2.2891), "2.289"),
        (observed_text(math.nan), "–"),
        (observed_text("train, test"), "train, test"),
        (probability_value(1e-9), "< 0.001"),
        (probability_value(0.0412), "0.041"),
        (file_size(3_040_000), "3.0 MB"),
        (file_size(1_450_000_000), "1.45 GB"),
        (duration(59.94), "59.9 s"),
        (duration(59.97), "1 min 0 s"),
        (duration(3599.6), "1 h 0 min"),
        (duration(11 * 60 + 20), "11 min 20 s"),
        (duration(2 * 3600 + 300), "2 h 5 min"),
        (duration(math.nan), "–"),
        (date_text("2026-03-14T09:26:53+00:00"), "14 March 2026, 09:26 UTC"),
        (date_text("yesterday"), "yesterday"),
        (plural(1, "image"), "1 image"),
        (plural(1200, "image"), "1,200 images"),
    ],
)
def test_formatting(shown, expected):
    assert shown == expected


def test_leaderboard_ranks_by_validation_and_keeps_the_missing_last(tmp_path):
    results = make_results(tmp_path)
    shuffled = results.model_copy(update={"variants": results.variants[::-1]})
    rows = leaderboard_rows(shuffled)
    accuracies = [float(row["validation accuracy"].rstrip("%")) for row in rows[:5]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [row["variant"] for row in rows[5:]] == ["cnn_wide", "efficientnetb0"]
    assert rows[5]["note"].startswith("failed: The loss became NaN")
    assert len({tuple(row) for row in rows}) == 1
    json.dumps(rows, allow_nan=False)


def test_only_trained_variants_with_validation_scores_are_ranked(tmp_path):
    results = make_results(tmp_path, trained=3)
    first, second, third, *others = results.variants
    failed = first.model_copy(update={"status": "failed"})
    unscored = second.model_copy(update={"parts": {"test": third.parts["validation"]}})
    changed = results.model_copy(update={"variants": (failed, unscored, third, *others)})
    assert [variant.name for variant in scored_variants(changed)] == [third.name]
    assert best_variant(changed) == third
    notes = {row["variant"]: row["note"] for row in leaderboard_rows(changed)}
    assert notes[second.name] == "trained: trained, but there are no validation scores of it"
    assert notes[first.name].startswith("failed: ")


def test_undefined_accuracy_ranks_last_and_is_never_best(tmp_path):
    results = make_results(tmp_path, trained=3)
    first, *rest = results.variants
    broken = results.model_copy(update={"variants": (with_accuracy(first, math.nan), *rest), "best": None})
    assert scored_variants(broken)[-1].name == first.name
    best = best_variant(broken)
    assert best is not None and best.name == rest[0].name
    assert leaderboard_rows(broken)[2]["validation accuracy"] == "–"


def test_answer_names_the_best_its_interval_and_the_indistinguishable(tmp_path):
    results = make_results(tmp_path)
    best, second = results.variants[:2]
    many = BestOfMany(name=best.name, candidates=5, accuracy=0.77, low=0.7311, high=0.7822)
    comparisons = tuple(
        c.model_copy(update={"p_holm": 0.4 if c.name == second.name else 0.0001, "difference": 0.0123})
        for c in results.comparisons
    )
    answer, standing, decided = summary_sentences(results.model_copy(update={"best": many, "comparisons": comparisons}))
    assert f"{best.name} is the most accurate" in answer and "4,977 validation images" in answer
    assert "73.1 to 78.2" in answer and "best of 5" in answer
    assert f"{second.name} (−1.2 points) is not distinguishable" in standing
    assert not any(c.name in standing for c in comparisons if c.name != second.name)
    assert number(best.core_seconds) in standing
    assert decided == "Nothing was decided on the champion, so it stays."


def test_answer_when_all_others_are_distinguishable(tmp_path):
    results = make_results(tmp_path, trained=3)
    comparisons = tuple(c.model_copy(update={"p_holm": 0.001}) for c in results.comparisons)
    sentences = summary_sentences(results.model_copy(update={"comparisons": comparisons}))
    assert "distinguishable from all 2 others" in sentences[1]


def test_single_variant_has_its_own_interval_and_no_comparison(tmp_path):
    results = make_results(tmp_path, trained=1)
    sentences = summary_sentences(results)
    assert len(sentences) == 3 and sentences[1].startswith("It cost ")
    assert "best of" not in sentences[0] and "95% interval" in sentences[0]


def test_nothing_trained_says_so(tmp_path):
    assert summary_sentences(make_results(tmp_path, trained=0)) == [
        "No variant has a validation accuracy: of 2, 1 failed and 1 was skipped."
    ]


def test_cautions_for_synthetic_data_faults_and_missing_variants(tmp_path):
    texts = [caution.text for caution in cautions(make_results(tmp_path))]
    assert any("synthetic" in text for text in texts)
    assert any("failed 1 critical rule and 1 warning; after cleaning 0 critical rules" in text for text in texts)
    assert any("cnn_wide" in text for text in texts) and any("efficientnetb0" in text for text in texts)


def test_critical_finding_after_cleaning_comes_first(tmp_path):
    data = make_data()
    results = make_results(tmp_path, data=data.model_copy(update={"after": data.before}))
    first = cautions(results)[0]
    assert first.level == "critical" and "47 groups of equal images" in first.text


def test_epochs_chosen_on_validation_are_marked(tmp_path):
    results = make_results(tmp_path, trained=2, data=make_data(synthetic=False, clean=True))
    one, other = results.variants[:2]
    peeking = one.model_copy(update={"monitor": "validation"})
    found = cautions(results.model_copy(update={"variants": (peeking, other)}))
    assert [caution.level for caution in found] == ["warning"]
    assert one.name in found[0].text and other.name not in found[0].text


def test_a_decision_that_could_not_be_made_is_said_with_its_reason(tmp_path):
    results = make_results(tmp_path, undecided="the decision failed: got NaN as a probability")
    assert summary_sentences(results)[2] == (
        "Nothing was decided on the champion, so it stays: the decision failed: got NaN as a probability."
    )
    (text,) = [caution.text for caution in cautions(results) if "champion" in caution.text]
    assert text.endswith("stays as it is: the decision failed: got NaN as a probability")


def test_no_caution_where_nothing_is_wrong(tmp_path):
    results = make_results(tmp_path, trained=2, data=make_data(synthetic=False, clean=True))
    assert cautions(results.model_copy(update={"variants": results.variants[:2]})) == []


def test_variants_at_chance_are_named(tmp_path):
    results = make_results(tmp_path)
    first, second, *others = results.variants
    confusion = second.parts["validation"].confusion
    chance = max(map(sum, confusion)) / sum(map(sum, confusion))
    changed = results.model_copy(update={"variants": (first, with_accuracy(second, chance), *others)})
    (text,) = [caution.text for caution in cautions(changed) if "largest class" in caution.text]
    assert second.name in text
    assert first.name not in text


def test_the_interval_accounts_for_the_choice_only_among_several(tmp_path):
    results = make_results(tmp_path, trained=2)
    first, second = results.variants[:2]
    assert results.best is not None
    assert results.accuracy_interval(first) == (results.best.low, results.best.high)
    scores = second.parts["validation"]
    assert results.accuracy_interval(second) == (scores.accuracy_low, scores.accuracy_high)
    alone = results.model_copy(update={"best": results.best.model_copy(update={"candidates": 1})})
    scores = first.parts["validation"]
    assert alone.accuracy_interval(first) == (scores.accuracy_low, scores.accuracy_high)
    assert make_entry("key", alone).low == scores.accuracy_low
