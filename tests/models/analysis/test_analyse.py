"""What the predictions say beyond the scores: pairs that answer, slices, thresholds, and what moved since the last."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from models.analysis.analyse import AnalysisInputs, analyse_run
from models.analysis.questions import OWN_NETWORKS, list_pairs
from models.analysis.rejection import find_threshold
from models.analysis.run_difference import compare_runs
from models.analysis.slices import score_slices
from models.catalog.variants import VARIANTS
from models.evaluation.intervals import wilson_interval
from models.evaluation.judging import make_truth
from models.evaluation.paired import fisher_p_value, group_ties, paired_intervals
from models.evaluation.predictions import correctness_of
from tests.support.run_factory import make_analysis_inputs, make_run, read_answers
from tests.support.seed_format import CLASSES


def test_fisher_agrees_with_the_table():
    assert fisher_p_value((8, 10), (3, 12)) == pytest.approx(fisher_exact([[8, 2], [3, 9]])[1])


def test_paired_intervals_have_the_sign_of_the_pair():
    rng = np.random.default_rng(0)
    correct = {"low": rng.random(900) < 0.6, "high": rng.random(900) < 0.8}
    ((low, high),) = paired_intervals(correct, [("high", "low")], seed=1)
    ((mirrored_low, mirrored_high),) = paired_intervals(correct, [("low", "high")], seed=1)
    assert 0 < low < high and (mirrored_low, mirrored_high) == pytest.approx((-high, -low))


def test_ties_overlap_where_the_middle_one_ties_with_both_ends():
    def answers(wrong):
        return np.arange(400) >= wrong

    correct = {"best": answers(20), "middle": answers(25), "worst": answers(31)}
    assert group_ties(correct, 0.05) == (("best", "middle"), ("middle", "worst"))
    assert group_ties({"one": answers(3)}, 0.05) == (("one",),)
    assert group_ties({"one": answers(3), "two": answers(3)}, 0.05) == (("one", "two"),)


def test_pretrained_variants_are_compared_with_a_network_that_is_named_beforehand():
    assert set(OWN_NETWORKS) == {name for name, variant in VARIANTS.items() if not variant.pretrained}
    assert OWN_NETWORKS[:7] == ["compact", "cnn_3", "residual", "light", "cnn_rgb", "cnn_gray", "cnn_2"]
    pairs = list_pairs(["cnn_gray", "cnn_3", "vgg16_a", "vgg16_tuned", "residual"])
    assert pairs == [
        ("frozen", "vgg16_a", "cnn_3"),
        ("fine-tuned", "vgg16_tuned", "cnn_3"),
        ("fine-tuning", "vgg16_tuned", "vgg16_a"),
    ]
    assert list_pairs(["vgg16_a"]) == [] and list_pairs(["ensemble"]) == []


def manifest_of(brightness):
    return pd.DataFrame(
        {
            "label": ["sad"] * len(brightness),
            "mean": brightness,
            "standard_deviation": 1.0,
            "sharpness": np.arange(len(brightness)),
        }
    )


def test_a_slice_that_fails_is_found_and_suspects_are_not_tested():
    correct = np.arange(300) >= 60
    rows = manifest_of(np.arange(300.0))
    rows["sharpness"] = np.random.default_rng(0).random(300)
    slices = {
        (s.trait, s.value): s for s in score_slices(correct, rows, np.zeros(300, bool), suspected=np.arange(300) < 9)
    }
    dark = slices["brightness", "darkest third"]
    assert (dark.images, dark.accuracy, dark.rest_accuracy) == (100, 0.4, 1.0)
    assert dark.is_worse(0.05) and not slices["brightness", "brightest third"].is_worse(0.05)
    assert slices["label suspected", "yes"].p_value is None and ("near-duplicate", "yes") not in slices
    assert dark.expected == pytest.approx(0.8)


def test_the_threshold_refuses_the_fewest_and_takes_equal_certainties_together():
    certainty = np.repeat([0.9, 0.8, 0.5], [200, 200, 200])
    correct = np.concatenate([np.ones(200), np.ones(196), np.zeros(4), np.zeros(200)]).astype(bool)
    assert find_threshold(correct, certainty, 0.95) == 0.8
    assert find_threshold(correct, certainty, 0.999) is None
    assert find_threshold(np.ones(600, bool), certainty, 0.9) == 0.5


def test_the_last_report_is_compared_with_as_any_two_runs_are(tmp_path: Path):
    before, now = make_run(tmp_path / "a"), make_run(tmp_path / "b", {"compact": 0.4, "cnn_3": 2.5})
    assert analyse_run(now, make_analysis_inputs(now)).since_last is None
    assert analyse_run(now, make_analysis_inputs(now, before)).since_last == compare_runs(before, now)


def with_votes(run) -> AnalysisInputs:
    """Return the inputs of an analysis with votes: all people see the next class in three of four images."""
    inputs = make_analysis_inputs(run)
    labels = [CLASSES.index(label) for label in inputs.manifest["label"]]
    votes = np.zeros((len(labels), 7))
    votes[np.arange(len(labels)), [(label + 1) % 4 for label in labels]] = 10
    rows = [row.tolist() if place % 4 else None for place, row in enumerate(votes)]
    manifest = inputs.manifest.assign(votes=rows, part="validation")
    return replace(inputs, manifest=manifest, truth=make_truth("crowd", manifest, CLASSES))


def test_errors_and_slices_follow_the_truth_of_the_run_and_every_truth_is_listed(tmp_path: Path):
    run = make_run(tmp_path)
    inputs = with_votes(run)
    found, usual = analyse_run(run, inputs), analyse_run(run, make_analysis_inputs(run))
    frame = inputs.truth.judge(read_answers(run, run.variants[0].name, "validation"))
    assert found.errors is not None and found.errors.images == len(frame) == 300
    assert found.errors.wrong == int((~correctness_of(frame)).sum())
    halves = [piece for piece in found.slices if piece.trait == "near-duplicate"]
    assert sum(piece.images for piece in halves) == 300
    rates = [frame.loc[frame["label"] == label].pipe(correctness_of).mean() for label in range(4)]
    total = sum(piece.images * piece.expected for piece in halves)
    assert total == pytest.approx(sum(rates[label] for label in frame["label"]))
    assert found.people is not None and found.unsuspected is None
    assert [score.name for score in found.people.variants] == [v.name for v in run.variants if v.status == "trained"]
    best = found.people.variants[0]
    assert best.published.rate == pytest.approx(run.variants[0].parts["validation"].accuracy)
    assert best.crowd.rate == pytest.approx(correctness_of(frame).mean())
    assert found.people.labels.crowd.rate == 0 and usual.people is None


def test_without_votes_the_audit_implies_an_interval_and_without_an_audit_there_is_nothing(tmp_path: Path):
    run = make_run(tmp_path, {"compact": 2.6})
    found = analyse_run(run, make_analysis_inputs(run))
    assert found.unsuspected is not None and found.unsuspected.images == 400
    assert found.unsuspected.rate == pytest.approx(0.9)
    assert (found.unsuspected.low, found.unsuspected.high) == wilson_interval(360, 400)
    nothing = analyse_run(run, replace(make_analysis_inputs(run), suspects=None))
    assert (nothing.people, nothing.unsuspected) == (None, None)
