"""The model of labels: what is assumed without answers, and what answers teach it."""

import numpy as np
import pytest

from models.analysis.label_posterior import Answers, assume_label_model, fit_label_model, log_probabilities


@pytest.fixture(scope="module")
def noisy():
    """Return truth, labels and log probabilities of three classes; half of class 1 is labelled 2.

    The network has learnt it: for class 1 it gives the labels 1 and 2 the same probability.
    """
    random = np.random.default_rng(4)
    truth = random.integers(0, 3, 3000)
    labels = np.where((truth == 1) & (random.random(3000) < 0.5), 2, truth)
    clean = np.full((3000, 3), 0.1)
    clean[np.arange(3000), truth] = 0.8
    transition = np.array([[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]])
    return truth, labels, log_probabilities(clean @ transition)


def test_log_probabilities_keep_the_order_and_never_rule_a_class_out():
    logs = log_probabilities(np.array([[1.0, 0.0], [0.4, 0.6]]))
    assert np.exp(logs).sum(axis=1) == pytest.approx(1)
    assert logs[0, 0] > logs[0, 1] > -6
    assert logs[1, 1] > logs[1, 0]


def test_without_answers_the_expected_share_of_wrong_labels_is_the_given_one(noisy):
    _, labels, logs = noisy
    given = np.array([0.02, 0.1, 0.3])
    posterior = assume_label_model(labels, logs, given).posterior(labels, logs)
    assert posterior.sum(axis=1) == pytest.approx(1)
    expected = [1 - posterior[labels == label, label].mean() for label in range(3)]
    assert expected == pytest.approx(given, abs=1e-6)


def test_a_class_without_noise_is_never_doubted(noisy):
    _, labels, logs = noisy
    posterior = assume_label_model(labels, logs, np.array([0, 0.1, 0.1])).posterior(labels, logs)
    assert posterior[labels == 0, 0].min() > 0.999


def test_answers_teach_which_class_hides_under_which_label(noisy):
    truth, labels, logs = noisy
    start = assume_label_model(labels, logs, np.array([0.01, 0.01, 0.1]))
    rows = np.concatenate([np.flatnonzero(labels == label)[:60] for label in range(3)])
    model = fit_label_model(start, Answers(labels[rows], logs[rows], truth[rows]))
    hidden = (labels == 2) & (truth == 1)
    before, after = (one.posterior(labels, logs)[hidden, 1].mean() for one in (start, model))
    assert before < 0.3 and after > 0.7
    right = (labels == 2) & (truth == 2)
    assert model.posterior(labels, logs)[right, 2].mean() > 0.7


def test_the_found_model_is_the_most_probable_one(noisy):
    truth, labels, logs = noisy
    start = assume_label_model(labels, logs, np.array([0.05, 0.05, 0.1]))
    answers = Answers(labels[:90], logs[:90], truth[:90])
    model = fit_label_model(start, answers)

    def cost(sharpness, bias):
        posterior = model._replace(sharpness=sharpness, bias=bias).posterior(answers.labels, answers.logs)
        moved, sharper = bias - start.bias, np.log(sharpness / start.sharpness)
        return -np.log(posterior[np.arange(90), answers.classes]).sum() + ((moved**2).sum() + 5 * sharper**2) / 2

    best = cost(model.sharpness, model.bias)
    assert cost(1.05 * model.sharpness, model.bias) > best < cost(model.sharpness / 1.05, model.bias)
    random = np.random.default_rng(0)
    assert all(cost(model.sharpness, model.bias + random.normal(0, 0.1, (3, 3))) > best for _ in range(20))


def test_a_bootstrap_draws_as_many_answers_of_each_label(noisy):
    truth, labels, logs = noisy
    again = Answers(labels[:50], logs[:50], truth[:50]).draw_again(np.random.default_rng(1))
    assert np.bincount(again.labels).tolist() == np.bincount(labels[:50]).tolist()
    assert not np.array_equal(again.classes, truth[:50])


def test_with_a_lapse_less_is_promised_of_what_the_network_is_sure_of(noisy):
    truth, labels, logs = noisy
    answers = Answers(labels[:300], logs[:300], truth[:300])
    model = fit_label_model(assume_label_model(labels, logs, np.array([0.05, 0.05, 0.1])), answers)
    careful = model.with_lapse(answers)
    sure, less_sure = (one.posterior(labels, logs).max(axis=1) for one in (model, careful))
    assert careful.posterior(labels, logs).sum(axis=1) == pytest.approx(1)
    of_noisy_label = (labels == 2) & (sure > 0.8)
    assert of_noisy_label.any() and (less_sure < sure)[of_noisy_label].all()
