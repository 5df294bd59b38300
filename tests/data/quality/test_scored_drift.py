"""Drift of scored faces: found where there is one, silent where there is none, and never surer than the full test."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from data.manifest.measures import MEASURES
from data.quality.drift import QUANTILES, DataProfile
from data.quality.scored_drift import bound_distance, measure_drift

IMAGES = 4000


def profile_of(rng):
    trained = {name: rng.normal(100, 10, IMAGES) for name in MEASURES}
    quantiles = {name: tuple(np.quantile(values, QUANTILES).tolist()) for name, values in trained.items()}
    return trained, DataProfile(counts={"train": {"happy": IMAGES}}, quantiles={"train": quantiles})


def test_a_measure_that_moved_is_found_and_the_others_are_not():
    rng = np.random.default_rng(1)
    _, profile = profile_of(rng)
    faces = {name: rng.normal(100, 10, 500) for name in MEASURES}
    faces["sharpness"] = rng.normal(104, 10, 500)
    faces["noise"] = rng.normal(110, 10, 500)
    levels = {one.measure: one.level for one in measure_drift(profile, faces)}
    assert levels == dict.fromkeys(MEASURES, "none") | {"sharpness": "warning", "noise": "critical"}


def test_few_faces_are_not_judged():
    rng = np.random.default_rng(2)
    _, profile = profile_of(rng)
    found = measure_drift(profile, {name: rng.normal(200, 10, 50) for name in MEASURES})
    assert {one.level for one in found} == {"small"}
    assert all(one.distance == pytest.approx(1) for one in found)


def test_the_distance_is_a_lower_bound_close_to_the_true_one():
    rng = np.random.default_rng(3)
    for shift in (0, 1, 3, 8):
        trained, profile = profile_of(rng)
        faces = rng.normal(100 + shift, 12, 700)
        true = ks_2samp(trained["mean"], faces).statistic
        bound = bound_distance(profile.quantiles["train"]["mean"], faces)
        assert bound <= true + 2 / IMAGES
        assert bound >= true - 0.05


def test_chance_alone_is_seldom_significant():
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(200):
        _, profile = profile_of(rng)
        found = measure_drift(profile, {name: rng.normal(100, 10, 300) for name in MEASURES})
        alarms += any(one.p_value < 0.05 for one in found)
    assert alarms <= 20, "5 % of 200 are 10"


def test_equal_values_are_no_distance():
    flat = (5.0,) * len(QUANTILES)
    assert bound_distance(flat, np.full(100, 5.0)) == 0
    assert bound_distance(flat, np.full(100, 6.0)) == 1
