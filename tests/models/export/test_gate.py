import numpy as np
import pandas as pd
import pytest

from data.records.export import ExportBundle
from models.evaluation.intervals import wilson_interval
from models.evaluation.judging import Truth
from models.export.gate import compare, judge, refuse
from models.export.jobs import EXACT_FORMATS, PATHS, Times
from tests.support.bundles import make_bundle

IMAGES = 400
TIMES = Times(start_seconds=0.5, single_milliseconds=2.0)


@pytest.fixture
def network() -> pd.DataFrame:
    """Return predictions that are right on all images but every fifth, with certainty 0.7."""
    labels = np.arange(IMAGES) % 4
    answers = np.where(np.arange(IMAGES) % 5 == 0, (labels + 1) % 4, labels)
    rows = np.full((IMAGES, 4), 0.1, np.float32)
    rows[np.arange(IMAGES), answers] = 0.7
    frame = pd.DataFrame(rows, columns=[f"probability_{number}" for number in range(4)])
    return frame.assign(label=labels)


def answers_of(network: pd.DataFrame) -> np.ndarray:
    return network[[f"probability_{number}" for number in range(4)]].to_numpy(np.float32).copy()


def judged(name, network, answers, tmp_path, bundle=None):
    path = tmp_path / PATHS[name]
    path.write_bytes(b"12345")
    check = compare(network, answers, bundle or make_bundle(), name in EXACT_FORMATS)
    return judge(name, tmp_path, check, TIMES, 0.8)


def test_a_format_that_answers_the_same_is_offered(network, tmp_path):
    found = judged("onnx", network, answers_of(network) + np.float32(1e-6), tmp_path)
    assert found.offered and found.reason == "" and found.bytes == 5
    assert found.check.largest_difference == pytest.approx(1e-6, rel=0.1)
    assert (found.check.changed_answers, found.check.changed_refusals, found.check.p_value) == (0, 0, None)
    assert found.check.accuracy == pytest.approx(0.8)
    assert found.single_milliseconds == 2.0 and found.start_seconds == 0.5


def test_accuracy_is_by_the_truth_and_differences_are_of_all_images(network):
    network = network.assign(image_id=[f"{place}.jpg" for place in range(IMAGES)])
    known = network.iloc[: IMAGES // 4]
    truth = Truth("crowd", pd.Series((known["label"].to_numpy() + 1) % 4, index=known["image_id"].to_numpy()))
    answers = answers_of(network)
    answers[-1] = np.roll(answers[-1], 1)
    check = compare(network, answers, make_bundle(), False, truth)
    assert (check.images, check.changed_answers) == (IMAGES, 1)
    assert check.accuracy == pytest.approx(0.2)
    assert (check.accuracy_low, check.accuracy_high) == wilson_interval(20, 100)
    assert check.p_value == 1, "the changed answer is on an image without a label of the crowd"


def test_a_larger_difference_is_refused(network, tmp_path):
    answers = answers_of(network)
    answers[7] += np.array([2e-4, -2e-4, 0, 0], np.float32)
    found = judged("litert", network, answers, tmp_path)
    assert not found.offered and "0.0002, more than 0.0001" in found.reason


def test_one_changed_answer_is_refused(network, tmp_path):
    network.loc[3, ["probability_0", "probability_1"]] = (0.40001, 0.4)
    network.loc[3, ["probability_2", "probability_3"]] = (0.1, 0.09999)
    answers = answers_of(network)
    answers[3, :2] = (0.4, 0.40001)
    found = judged("saved_model", network, answers, tmp_path)
    assert found.check.changed_answers == 1
    assert not found.offered and found.reason.startswith("it changes 1 answers")


def test_one_changed_refusal_is_refused(network, tmp_path):
    network.loc[3, "probability_3"] = 0.60001
    network.loc[3, "probability_0"] = 0.19999
    answers = answers_of(network)
    answers[3] = (0.20001, 0.1, 0.1, 0.59999)
    found = judged("onnx", network, answers, tmp_path)
    assert (found.check.changed_answers, found.check.changed_refusals) == (0, 1)
    assert not found.offered and "1 refusals" in found.reason
    assert judged("onnx", network, answers, tmp_path, make_bundle(threshold=None)).offered


def test_the_threshold_is_compared_after_the_temperature(network, tmp_path):
    hot = make_bundle(temperature=2.0)  # 0.7 becomes 0.47, so every answer is refused
    answers = answers_of(network)
    answers[:10] = (0.85, 0.05, 0.05, 0.05)  # 0.58 after it: refused too
    assert judged("litert_int8", network, answers, tmp_path, hot).check.changed_refusals == 0
    answers[:10] = (0.91, 0.03, 0.03, 0.03)  # 0.65 after it
    assert judged("litert_int8", network, answers, tmp_path, hot).check.changed_refusals == 10


@pytest.mark.parametrize(("harmed", "offered"), [(5, True), (6, False)])
def test_int8_is_refused_if_the_paired_test_finds_a_loss(network, tmp_path, harmed, offered):
    answers = answers_of(network)
    right = np.flatnonzero(np.arange(IMAGES) % 5)[:harmed]
    answers[right] = np.roll(answers[right], 1, axis=1)
    found = judged("litert_int8", network, answers, tmp_path)
    assert found.check.p_value == pytest.approx(2 * 0.5**harmed)
    assert found.check.changed_answers == harmed
    assert found.offered == offered
    if not offered:
        assert "loses 1.5 points" in found.reason and "p = 0.031" in found.reason


def test_int8_that_is_more_accurate_is_offered(network, tmp_path):
    answers = answers_of(network)
    wrong = np.flatnonzero(np.arange(IMAGES) % 5 == 0)[:20]
    answers[wrong] = np.roll(answers[wrong], -1, axis=1)
    found = judged("litert_int8", network, answers, tmp_path)
    assert found.check.p_value < 0.001 and found.offered


@pytest.mark.parametrize(("changed", "offered"), [(IMAGES // 20, True), (IMAGES // 20 + 1, False)])
def test_int8_that_answers_differently_is_refused_though_it_loses_nothing(network, tmp_path, changed, offered):
    answers = answers_of(network)
    right, wrong = np.flatnonzero(np.arange(IMAGES) % 5), np.flatnonzero(np.arange(IMAGES) % 5 == 0)
    answers[right[: changed // 2]] = np.roll(answers[right[: changed // 2]], 1, axis=1)
    answers[wrong[: changed - changed // 2]] = np.roll(answers[wrong[: changed - changed // 2]], -1, axis=1)
    found = judged("litert_int8", network, answers, tmp_path)
    assert found.check.p_value == 1 and found.check.changed_answers == changed
    assert found.offered == offered
    assert offered or found.reason == f"it changes {changed} of {IMAGES} answers, more than 5%"


def test_values_that_are_no_numbers_are_refused(network, tmp_path):
    answers = answers_of(network)
    answers[0, 0] = np.nan
    for name in ("onnx", "litert_int8"):
        assert judged(name, network, answers, tmp_path).reason == "it gives values that are no numbers"


def test_only_what_is_offered_is_found(network, tmp_path):
    good = judged("onnx", network, answers_of(network), tmp_path)
    bad = refuse("litert", tmp_path, "it could not be written")
    bundle = make_bundle(formats=(good, bad))
    assert bundle.find("onnx") == good and bundle.find("litert") is None and bundle.find("saved_model") is None
    assert (bad.bytes, bad.check) == (0, None)
    assert ExportBundle.model_validate_json(bundle.model_dump_json()).formats[0] == good
