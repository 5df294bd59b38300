"""Probability of each class for an image whose label is known too: what a network says, and how labels go wrong.

A network learns the habits of those who labelled: where half of the neutral faces stand under sad, it says sad for
neutral faces too, and no ranking by its probabilities alone can know that. A person's answers for a few images, drawn
at random, can. So each pair of a label and a class has a bias that these answers decide, and without answers only the
label itself has one. The model is a multinomial logistic regression with the network's log probabilities as offsets:

    P(class c | image, label l) is proportional to p_c(image) ** sharpness * exp(bias[l, c])

It holds for labels that go wrong in the same way for all images of a class. Source: the transition matrix of Patrini et
al. 2017, "Making Deep Neural Networks Robust to Label Noise", estimated as in Hendrycks et al. 2018, "Using Trusted
Data to Train Deep Networks on Labels Corrupted by Severe Noise"; here with a prior, so that few answers do.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ADDED_PROBABILITY = 0.01
"""Added to the probability of each class: near 0 and 1 networks are surer than people are of each other's answers.

On FER2013 the order of the suspects hardly depends on it: 0 to 0.1 were tried.
"""

LAPSE = 0.15
"""On FER2013 the model alone expects 94 % of the first 200 suspects to be wrong where people call 84 % of them wrong,
and 75 % of all where they call 64 % wrong. With this share it is 87 and 82 %, 75 and 68 %."""

LARGEST_BIAS = 12.0
"""Bias of a label that is never expected to be wrong."""

BIAS_PRECISION, SHARPNESS_PRECISION = 1.0, 5.0
"""Precisions of the normal priors of a bias around its value without answers, and of the logarithm of the sharpness."""


class Answers(NamedTuple):
    """What a person said about images drawn at random among those under each label."""

    labels: NDArray[np.int64]
    """(m,) as published, as indices of classes."""
    logs: NDArray[np.float64]
    """(m, classes) of `log_probabilities`."""
    classes: NDArray[np.int64]
    """(m,) what the images show."""

    def draw_again(self, random: np.random.Generator) -> "Answers":
        """Draw as many answers of each label with replacement, for a bootstrap."""
        rows = np.arange(len(self.labels))
        for label in np.unique(self.labels):
            own = np.flatnonzero(self.labels == label)
            rows[own] = random.choice(own, len(own))
        return Answers(self.labels[rows], self.logs[rows], self.classes[rows])


class LabelModel(NamedTuple):
    """How far the network and how far a label is to be believed."""

    sharpness: float
    bias: NDArray[np.float64]
    """(classes, classes): row: label, column: class."""
    lapse: float = 0.0
    """Share of the images for which what the network says is no evidence."""
    usual: NDArray[np.float64] | None = None
    """(classes, classes): row: label, column: share of the class, which holds for these images."""

    def posterior(self, labels: NDArray[np.int64], logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class, (n, classes), rows sum to 1.

        Args:
            labels: (n,) indices of classes.
            logs: (n, classes) of `log_probabilities`.
        """
        from scipy.special import softmax

        seen = softmax(self.sharpness * logs + self.bias[labels], axis=1)
        return seen if self.usual is None else (1 - self.lapse) * seen + self.lapse * self.usual[labels]

    def with_lapse(self, answers: Answers) -> "LabelModel":
        """Return the model that promises less of the images that the network is sure of."""
        usual = np.eye(len(self.bias))
        np.add.at(usual, (answers.labels, answers.classes), 1)
        return self._replace(lapse=LAPSE, usual=usual / usual.sum(axis=1, keepdims=True))


def log_probabilities(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithm of probabilities (n, classes) to which `ADDED_PROBABILITY` is added."""
    added = probabilities.astype(np.float64) + ADDED_PROBABILITY
    return np.log(added / added.sum(axis=1, keepdims=True))


def assume_label_model(labels: NDArray[np.int64], logs: NDArray[np.float64], wrong: NDArray[np.floating]) -> LabelModel:
    """Find the model without answers: each label has one bias, such that the expected share of wrong labels is given.

    Args:
        labels: (n,) as published; every class at least once.
        logs: (n, classes) of `log_probabilities`.
        wrong: (classes,) expected share of wrong labels of each class, 0..1.
    """
    from scipy.optimize import brentq

    classes = logs.shape[1]
    bias = np.zeros((classes, classes))
    for label in range(classes):
        own = logs[labels == label]
        others = np.delete(own, label, axis=1)
        odds = own[:, label] - np.logaddexp.reduce(others, axis=1)

        def excess(value: float, odds: NDArray[np.float64] = odds, share: float = float(wrong[label])) -> float:
            return float((1 / (1 + np.exp(odds + value))).mean()) - share

        low, high = excess(-LARGEST_BIAS), excess(LARGEST_BIAS)
        found: Any = brentq(excess, -LARGEST_BIAS, LARGEST_BIAS) if low > 0 > high else LARGEST_BIAS
        bias[label, label] = found
    return LabelModel(1.0, bias)


def fit_label_model(start: LabelModel, answers: Answers) -> LabelModel:
    """Find the most probable model given a person's answers.

    Args:
        start: the model without answers, around which the priors are.
        answers: at least one.
    """
    from scipy.optimize import minimize

    classes = len(start.bias)
    truth = np.eye(classes)[answers.classes]
    precisions = np.array([SHARPNESS_PRECISION, *[BIAS_PRECISION] * classes**2])

    def unpack(values: NDArray[np.float64]) -> LabelModel:
        return LabelModel(start.sharpness * float(np.exp(values[0])), start.bias + values[1:].reshape(classes, classes))

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        model = unpack(values)
        posterior = model.posterior(answers.labels, answers.logs)
        surplus = posterior - truth
        of_bias = np.zeros((classes, classes))
        np.add.at(of_bias, answers.labels, surplus)
        slopes = np.concatenate([[model.sharpness * (surplus * answers.logs).sum()], of_bias.ravel()])
        total = -np.log(np.maximum((posterior * truth).sum(axis=1), 1e-12)).sum()
        return float(total + (precisions * values**2).sum() / 2), slopes + precisions * values

    return unpack(minimize(loss, np.zeros(1 + classes**2), jac=True, method="L-BFGS-B").x)
