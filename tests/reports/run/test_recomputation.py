"""Every figure of a report, computed again from the stored predictions by scikit-learn and scipy alone."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import binomtest, fisher_exact
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from reports.run.comparison_csv import COMPARISON_LIST
from reports.run.page import render_report
from reports.run.sources import ReportSources
from tests.reports.run.test_page import PageReader
from tests.support.holm import holm
from tests.support.run_factory import (
    SKILLS,
    analyse,
    make_analysis_inputs,
    make_run,
    read_answers,
    write_analysed_faces,
)
from tests.support.seed_format import CLASSES

COLUMNS = [f"probability_{label}" for label in range(len(CLASSES))]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    results = analyse(make_run(directory))
    faces = write_analysed_faces(results, directory)
    render_report(results, directory / "out", ReportSources(faces=faces))
    page = PageReader((directory / "out" / "index.html").read_text(encoding="utf-8"))
    table = pd.read_csv(directory / "out" / COMPARISON_LIST, index_col="variant")
    return results, page, table


def answers(results, name, part="validation"):
    frame = read_answers(results, name, part)
    probabilities = frame[COLUMNS].to_numpy(np.float64)
    return frame["label"].to_numpy(), probabilities / probabilities.sum(axis=1, keepdims=True)


def right(results, name, part="validation"):
    labels, probabilities = answers(results, name, part)
    return probabilities.argmax(axis=1) == labels


def wilson(successes, trials):
    interval = binomtest(int(successes), int(trials)).proportion_ci(0.95, "wilson")
    return interval.low, interval.high


def mcnemar(first, second):
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0


def fit(labels, probabilities):
    def loss(log_temperature):
        scaled = softmax(np.log(np.maximum(probabilities, 1e-7)) / math.exp(log_temperature), axis=1)
        return log_loss(labels, scaled, labels=range(len(CLASSES)))

    return math.exp(minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded").x)


def scaled(results, name, part):
    temperature = fit(*answers(results, name, "selection"))
    labels, probabilities = answers(results, name, part)
    return labels, softmax(np.log(np.maximum(probabilities, 1e-7)) / temperature, axis=1)


@pytest.mark.parametrize("part", ["selection", "validation", "test"])
@pytest.mark.parametrize("name", SKILLS)
def test_scores_in_the_list(run, name, part):
    results, _, table = run
    labels, probabilities = answers(results, name, part)
    predicted, row = probabilities.argmax(axis=1), table.loc[name]
    assert row[f"{part}_images"] == len(labels)
    assert row[f"{part}_accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    low, high = wilson((predicted == labels).sum(), len(labels))
    assert (row[f"{part}_accuracy_low"], row[f"{part}_accuracy_high"]) == pytest.approx((low, high))
    assert row[f"{part}_macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))
    assert row[f"{part}_log_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(4)), rel=1e-5)
    figures = precision_recall_fscore_support(labels, predicted, labels=range(4), zero_division=0)
    for place, label in enumerate(CLASSES):
        for figure, values in zip(("precision", "recall", "f1", "support"), figures, strict=True):
            assert row[f"{part}_{label}_{figure}"] == pytest.approx(values[place])


@pytest.mark.parametrize("name", SKILLS)
def test_calibration_in_the_list(run, name):
    results, _, table = run
    row = table.loc[name]
    assert row["temperature"] == pytest.approx(fit(*answers(results, name, "selection")), rel=1e-3)
    for when, (labels, probabilities) in {
        "before": answers(results, name),
        "after": scaled(results, name, "validation"),
    }.items():
        brier = brier_score_loss(labels, probabilities, labels=list(range(4)), scale_by_half=False)
        assert row[f"calibration_{when}_brier"] == pytest.approx(brier, rel=1e-3)
        assert row[f"calibration_{when}_log_loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-3)
        frame = pd.DataFrame({"certainty": probabilities.max(axis=1), "right": probabilities.argmax(axis=1) == labels})
        bins = frame.groupby((frame["certainty"] * 15).astype(int).clip(upper=14))
        gaps = (bins["right"].mean() - bins["certainty"].mean()).abs() * bins.size() / len(frame)
        assert row[f"calibration_{when}_expected_error"] == pytest.approx(gaps.sum(), abs=2e-3)


def test_ranking_and_quality_in_the_page(run):
    results, page, table = run
    shown = [cells[0].strip() for cells in page.tables["quality"][2:]]
    assert shown == sorted(SKILLS, key=lambda name: -right(results, name).mean())
    for name in SKILLS:
        cells, labels = page.cells("quality", name), answers(results, name)[0]
        recalls = [right(results, name)[labels == label].mean() for label in range(4)]
        low, high = wilson(right(results, name).sum(), len(labels))
        assert cells[1] == f"{100 * right(results, name).mean():.1f}% {100 * low:.1f} to {100 * high:.1f}"
        assert cells[7:11] == [f"{100 * recall:.0f}%" for recall in recalls]
        assert cells[6] == f"{100 * table.loc[name, 'calibration_after_expected_error']:.1f}%"


def test_confusions_in_the_page(run):
    results, page, _ = run
    text = " ".join(page.text.split())
    for name in SKILLS:
        labels, probabilities = answers(results, name)
        counts = confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(4))
        for row in counts:
            for cell in row:
                assert f"{100 * cell / row.sum():.0f}%{cell:,}" in text


def test_comparisons_with_the_best(run):
    results, page, table = run
    names = list(SKILLS)
    best = max(names, key=lambda name: right(results, name).mean())
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    p_values = [mcnemar(right(results, a), right(results, b)) for a, b in pairs]
    for pair, p_value, p_holm in zip(pairs, p_values, holm(p_values), strict=True):
        if best in pair:
            other = pair[0] if pair[1] == best else pair[1]
            row = table.loc[other]
            assert row["behind_difference"] == pytest.approx(right(results, best).mean() - right(results, other).mean())
            assert (row["behind_p_value"], row["behind_p_holm"]) == pytest.approx((p_value, p_holm))
            shown = "< 0.001" if p_holm < 0.001 else f"{p_holm:.3f}"
            assert page.cells("quality", other)[3] == shown


def test_ties_are_what_no_test_tells_apart(run):
    results, page, _ = run
    names = list(SKILLS)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    p_holm = holm([mcnemar(right(results, a), right(results, b)) for a, b in pairs])
    assert min(p_holm) < 0.05 < max(p_holm)
    for (a, b), p_value in zip(pairs, p_holm, strict=True):
        letters_a, letters_b = page.cells("quality", a)[4], page.cells("quality", b)[4]
        assert bool(set(letters_a) & set(letters_b)) == (p_value >= 0.05)


def test_answers_to_the_questions(run):
    results, page, _ = run
    pairs = [("cnn_rgb", "cnn_gray"), ("cnn_3", "cnn_2")]
    asked = results.analysis.questions
    assert [(answer.first, answer.second) for answer in asked] == pairs
    p_holm = holm([mcnemar(right(results, a), right(results, b)) for a, b in pairs])
    text = " ".join(page.text.split())
    for answer, (first, second), p_value in zip(asked, pairs, p_holm, strict=True):
        difference = right(results, first).mean() - right(results, second).mean()
        assert answer.difference == pytest.approx(difference) and answer.p_holm == pytest.approx(p_value)
        draws = np.random.default_rng(11).integers(0, 400, (4000, 400))
        gains = right(results, first).astype(int) - right(results, second)
        alone = 1.96 * gains[draws].mean(axis=1).std()
        # Simultaneous over two pairs: wider than one pair's own interval, and no wider than Bonferroni's by far.
        assert alone * 0.95 < answer.high - difference < alone * 1.3
        assert f"{100 * difference:+.1f} points of accuracy".replace("-", "−") in text
    assert "it takes light and light_plain, which is trained without augmentation" in text


def test_slices_in_the_page(run):
    results, page, _ = run
    best = results.variants[0].name
    manifest, correct = make_analysis_inputs(results).manifest, right(results, best)
    thirds = {
        f"{trait}: {value}": manifest[column].rank(method="first").between(low, high)
        for trait, column, ends in (
            ("brightness", "mean", ("darkest third", "brightest third")),
            ("contrast", "standard_deviation", ("flattest third", "richest third")),
            ("sharpness", "sharpness", ("softest third", "sharpest third")),
        )
        for value, (low, high) in zip(ends, ((1, 134), (268, 400)), strict=True)
    }
    twins = manifest["group"].map(manifest["group"].value_counts()) > 1
    for title, members in {**thirds, "near-duplicate: yes": twins}.items():
        inside, outside = correct[members], correct[~members]
        cells, (low, high) = page.cells("slices", title), wilson(inside.sum(), len(inside))
        assert cells[1:5] == [
            str(len(inside)),
            f"{100 * inside.mean():.1f}%",
            f"{100 * low:.1f} to {100 * high:.1f}",
            f"{100 * outside.mean():.1f}%",
        ]
        table = [[inside.sum(), (~inside).sum()], [outside.sum(), (~outside).sum()]]
        (stored,) = (s for s in results.analysis.slices if f"{s.trait}: {s.value}" == title)
        assert stored.p_value == pytest.approx(fisher_exact(table)[1])
    p_values = [s.p_value for s in results.analysis.slices if s.p_value is not None]
    assert len(p_values) == 10
    assert [s.p_holm for s in results.analysis.slices if s.p_holm is not None] == pytest.approx(holm(p_values))
    assert page.cells("slices", "label suspected: yes")[6] == "not tested"


def is_skilled(results, name):
    """Tell whether the accuracy on selection is surely 0.55 of the way from the largest class's share to 1."""
    frame = read_answers(results, name, "selection")
    named = frame.filter(like="probability_").to_numpy().argmax(axis=1)
    low, _ = wilson((named == frame["label"]).sum(), len(frame))
    share = frame["label"].value_counts().max() / len(frame)
    return low >= share + 0.55 * (1 - share)


def test_errors_in_the_page(run):
    results, page, _ = run
    best, errors = results.variants[0].name, results.analysis.errors
    labels, probabilities = answers(results, best)
    predicted = probabilities.argmax(axis=1)
    counts = pd.Series(zip(labels, predicted, strict=True))[labels != predicted].value_counts()
    assert [pair.images for pair in errors.pairs] == counts.head(4).tolist()
    for pair in errors.pairs:
        assert pair.images == counts[(CLASSES.index(pair.label), CLASSES.index(pair.predicted))]
        assert (pair.low, pair.high) == pytest.approx(wilson(pair.images, (labels == CLASSES.index(pair.label)).sum()))
    wrong = np.flatnonzero(labels != predicted)
    ids = read_answers(results, best, "validation")["image_id"].to_numpy()
    worst = sorted(wrong, key=lambda place: -probabilities[place].max())[:12]
    assert [face.image_id for face in errors.worst] == [ids[place] for place in worst]
    assert [face.probability for face in errors.worst] == pytest.approx([probabilities[place].max() for place in worst])
    asked = [name for name in SKILLS if is_skilled(results, name)]
    assert 1 < len(asked) < len(SKILLS) and set(errors.weak) == set(SKILLS) - set(asked)
    shared = ~np.any([right(results, name) for name in asked], axis=0)
    alike = np.ptp([answers(results, name)[1].argmax(axis=1) for name in asked], axis=0) == 0
    assert (errors.shared, errors.shared_alike) == (shared.sum(), (shared & alike).sum())
    assert errors.shared_suspects == shared[::10].sum()
    assert f"All {len(asked)} variants that know enough get {shared.sum()} images wrong" in " ".join(page.text.split())
    assert f"{len(wrong)} of 400 images wrong" in " ".join(page.text.split())


def test_reliability_and_coverage(run):
    results = run[0]
    for certainty in results.analysis.certainties:
        for bins, (labels, probabilities) in (
            (certainty.before, answers(results, certainty.variant)),
            (certainty.after, scaled(results, certainty.variant, "validation")),
        ):
            frame = pd.DataFrame({"sure": probabilities.max(axis=1), "right": probabilities.argmax(axis=1) == labels})
            assert sum(held.images for held in bins) == len(frame)
            assert sum(held.accuracy * held.images for held in bins) == pytest.approx(frame["right"].sum())
            assert sum(held.certainty * held.images for held in bins) == pytest.approx(frame["sure"].sum(), rel=1e-3)
        ordered = frame.sort_values("sure", ascending=False, kind="stable")["right"].to_numpy()
        for point in certainty.coverage:
            assert point.accuracy == pytest.approx(ordered[: round(point.coverage * 400)].mean())


def test_rejection_is_chosen_on_selection_and_judged_on_validation(run):
    results, page, _ = run
    rejection = results.analysis.rejection
    labels, probabilities = scaled(results, rejection.variant, "selection")
    sure, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    fits = [t for t in sure if wilson(correct[sure >= t].sum(), (sure >= t).sum())[0] >= rejection.wanted]
    assert rejection.threshold == pytest.approx(min(fits), rel=1e-3)
    labels, probabilities = scaled(results, rejection.variant, "validation")
    taken = probabilities.max(axis=1) >= rejection.threshold
    correct = probabilities.argmax(axis=1) == labels
    assert rejection.taken == pytest.approx(taken.sum(), abs=1)
    assert rejection.accuracy == pytest.approx(correct[taken].mean(), abs=0.01)
    low, high = wilson(rejection.taken, 400)
    assert (rejection.taken_low, rejection.taken_high) == pytest.approx((low, high))
    text = " ".join(page.text.split())
    assert f"it takes {100 * rejection.taken / 400:.1f}% (95% interval {100 * low:.1f} to {100 * high:.1f})" in text
