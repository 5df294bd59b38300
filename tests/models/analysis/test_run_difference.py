"""What became of each variant from one run to the next, and what was made differently."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2_contingency

from data.quality.multiple_testing import holm_correction
from data.records.run import RELABEL_DIGEST, VOTES_DIGEST
from models.analysis.run_difference import compare_runs
from models.evaluation.paired import compare_proportions
from models.evaluation.predictions import name_columns
from reports.difference.page import difference_markdown
from tests.support.results_factory import make_results
from tests.support.seed_format import CLASSES

IMAGES = 4000


def answer(variant, correct, prefix="validation"):
    """Return the variant with these right and wrong answers on as many images, and store them."""
    labels = np.arange(len(correct)) % 4
    probabilities = np.full((len(correct), 4), 0.1)
    probabilities[np.arange(len(correct)), np.where(correct, labels, (labels + 1) % 4)] = 0.7
    frame = pd.DataFrame(probabilities, columns=pd.Index(name_columns(len(CLASSES))))
    frame.insert(0, "image_id", [f"{prefix}/{index:05d}" for index in range(len(correct))])
    frame.insert(1, "part", "validation")
    frame.insert(2, "label", labels)
    frame.to_parquet(Path(variant.directory) / "predictions.parquet")
    scores = variant.parts["validation"].model_copy(update={"accuracy": correct.mean(), "images": len(correct)})
    return variant.model_copy(update={"parts": {**variant.parts, "validation": scores}})


@pytest.fixture
def runs(tmp_path):
    """Return two runs of three variants on the same images: the first got better, the others drew the same luck."""
    draws = np.random.default_rng(4).random((3, IMAGES))
    made = []
    for folder, rates in (("earlier", (0.6, 0.6, 0.5)), ("later", (0.65, 0.6, 0.5))):
        results = make_results(tmp_path / folder, trained=3, lineage={"images": "a"})
        pairs = list(zip(results.variants, rates, draws, strict=False))
        answered = [answer(variant, draw < rate) for variant, rate, draw in pairs]
        for variant in answered:  # directories are named for trainings, and these are not one
            Path(variant.directory).rename(f"{variant.directory}-{folder}")
        answered = [
            v.model_copy(
                update={"training": f"{v.training}-{folder}", "directory": f"{v.directory}-{folder}"},
            )
            for v in answered
        ]
        made.append(results.model_copy(update={"variants": (*answered, *results.variants[3:])}))
    return made


def test_answers_are_compared_in_pairs_on_the_same_images(runs):
    earlier, later = runs
    found = compare_runs(earlier, later)
    assert (found.paired, found.unpaired_because) == (True, "")
    better, same, _ = found.variants
    gained = round(IMAGES * (better.later.accuracy - better.earlier.accuracy))
    assert better.difference == pytest.approx(gained / IMAGES)
    assert better.p_value == pytest.approx(binomtest(0, gained).pvalue)  # none got worse
    assert better.low < better.difference < better.high
    assert (same.difference, same.low, same.high, same.p_holm) == (0, 0, 0, 1)
    p_values = [variant.p_value for variant in found.variants]
    assert [variant.p_holm for variant in found.variants] == pytest.approx(holm_correction(p_values))


def test_a_gain_too_small_for_two_samples_is_seen_in_pairs(runs):
    earlier, later = runs
    moved = later.model_copy(update={"lineage": {"images": "b"}})
    apart = compare_runs(earlier, moved)
    assert not apart.paired
    assert apart.unpaired_because == "the runs' images are not known to be the same"
    assert [variant.method for variant in apart.variants] == ["two proportions"] * 3
    paired = compare_runs(earlier, later).variants[0]
    assert paired.high - paired.low < apart.variants[0].high - apart.variants[0].low
    assert paired.p_value < apart.variants[0].p_value


def test_other_images_or_labels_are_not_paired(runs):
    earlier, later = runs
    variant = answer(later.variants[0], np.ones(IMAGES, bool), prefix="other")
    later = later.model_copy(update={"variants": (variant, *later.variants[1:])})
    assert compare_runs(earlier, later).unpaired_because == "their validation images or labels differ"


def test_predictions_that_are_gone_leave_the_figures(runs):
    earlier, later = runs
    (Path(earlier.variants[0].directory) / "predictions.parquet").unlink()
    found = compare_runs(earlier, later)
    assert "are gone" in found.unpaired_because
    assert found.variants[0].difference == pytest.approx(
        later.variants[0].parts["validation"].accuracy - earlier.variants[0].parts["validation"].accuracy
    )


def test_one_training_in_both_runs_is_not_tested(runs):
    earlier, later = runs
    later = later.model_copy(update={"variants": (earlier.variants[0], *later.variants[1:])})
    found = compare_runs(earlier, later)
    assert (found.variants[0].method, found.variants[0].p_value) == ("same training", None)
    assert found.paired
    again = compare_runs(earlier, earlier)
    assert {variant.method for variant in again.variants} == {"same training"}
    assert again.changes == ()


def test_a_variant_of_one_run_alone_is_named(runs):
    earlier, later = runs
    without = later.model_copy(update={"variants": later.variants[1:]})
    (alone,) = [v for v in compare_runs(earlier, without).variants if v.method == "in one run only"]
    assert (alone.name, alone.later) == (earlier.variants[0].name, None)
    assert compare_runs(without, earlier).variants[0].earlier is None


def test_a_run_without_scores_has_nothing_to_compare(runs):
    earlier, later = runs
    nothing = later.model_copy(update={"variants": later.variants[3:], "best": None})
    found = compare_runs(earlier, nothing)
    assert (found.later.best, found.later.accuracy) == ("", None)
    assert all(variant.method == "in one run only" for variant in found.variants)


def test_what_was_made_differently_is_listed_by_area(runs):
    earlier, later = runs
    recipe = {**later.variants[0].train_config, "epochs": 80}
    variants = [v.model_copy(update={"train_config": recipe}) for v in later.variants[:2]]
    changed = later.model_copy(
        update={
            "variants": (*variants, *later.variants[2:]),
            "versions": {**later.versions, "keras": "3.16.0"},
            "augmentation": {**later.augmentation, "flip": False},
            "code_version": "0000001",
        }
    )
    names = ", ".join(variant.name for variant in variants)
    assert [(c.area, c.what, c.earlier, c.later) for c in compare_runs(earlier, changed).changes] == [
        ("code", "commit", earlier.code_version, "0000001"),
        ("configuration", "augmentation: flip", "True", "False"),
        ("configuration", f"epochs of {names}", "40", "80"),
        ("versions", "keras", "3.15.0", "3.16.0"),
    ]


def test_two_proportions_agree_with_scipy():
    (found,) = compare_proportions([(56, 70)], [(48, 80)])
    # Newcombe (1998), table II: 56/70 against 48/80, method 10.
    assert (-found.high, -found.low) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    table = [[56, 14], [48, 32]]
    assert found.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_equal_certainties_do_not_differ():
    (found,) = compare_proportions([(10, 10)], [(10, 10)])
    assert (found.gain, found.p_holm) == (0, 1)
    assert compare_proportions([], []) == []


def test_runs_that_are_judged_by_different_labels_are_not_tested(runs):
    earlier, later = runs[0], runs[1].model_copy(update={"truth": "crowd"})
    found = compare_runs(earlier, later)
    assert found.unpaired_because == "the runs are judged by different labels"
    assert {(variant.method, variant.difference) for variant in found.variants[:3]} == {("other labels", None)}
    (change,) = [change for change in found.changes if change.what == "judged by"]
    assert (change.earlier, change.later) == ("the published labels", "the choice of the crowd")
    assert "judged by other labels" in difference_markdown(found)
    assert "Nothing is tested, because the runs are judged by different labels" in difference_markdown(found)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({VOTES_DIGEST: "2"}, "votes"),
        ({RELABEL_DIGEST: "2"}, "corrections of labels"),
        ({VOTES_DIGEST: "2", RELABEL_DIGEST: "2"}, "votes and corrections of labels"),
    ],
)
def test_runs_by_the_crowd_with_other_votes_or_corrections_are_not_tested(runs, changed, what):
    digests = {VOTES_DIGEST: "1", RELABEL_DIGEST: "1"}
    earlier, later = (
        run.model_copy(update={"truth": "crowd", "lineage": {**run.lineage, **digests, **more}})
        for run, more in zip(runs, ({}, changed), strict=True)
    )
    found = compare_runs(earlier, later)
    reason = f"the runs are judged by the choice of the crowd, but with different {what}"
    assert found.unpaired_because == reason
    assert {(variant.method, variant.p_holm) for variant in found.variants[:3]} == {("other labels", None)}
    assert f"Nothing is tested, because {reason}." in difference_markdown(found)
    assert compare_runs(later, later.model_copy(update={"variants": earlier.variants})).variants[0].p_holm is not None
    by_labels = [run.model_copy(update={"truth": "published"}) for run in (earlier, later)]
    assert compare_runs(*by_labels).variants[0].method == "paired", "stored answers have the labels they were right by"


def test_runs_that_are_both_judged_by_the_crowd_are_compared_by_their_accuracies(runs):
    earlier, later = (run.model_copy(update={"truth": "crowd"}) for run in runs)
    found = compare_runs(earlier, later)
    assert not found.paired and "judged by the choice of the crowd" in found.unpaired_because
    assert {variant.method for variant in found.variants[:3]} == {"two proportions"}
