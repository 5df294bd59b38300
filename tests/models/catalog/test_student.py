"""Who teaches: the vote, or who is best alone on selection; validation is not asked."""

import pytest

from data.records.training import PartMetrics, VariantResult
from models.catalog.student import choose_teacher, make_student
from models.catalog.variants import find_variant


def part(log_loss, accuracy):
    return PartMetrics(
        images=100,
        accuracy=accuracy,
        accuracy_low=accuracy,
        accuracy_high=accuracy,
        macro_f1=accuracy,
        log_loss=log_loss,
        per_class=(),
        confusion=(),
    )


def trained(name, selection_loss, validation_accuracy=0.5):
    parts = {"selection": part(selection_loss, 0.5), "validation": part(1.0, validation_accuracy)}
    return VariantResult(name=name, description="", status="trained", parts=parts)


def untrained(name, status):
    return VariantResult(name=name, description="", status=status, reason="because")


def test_the_vote_teaches():
    variants = [trained("compact", 0.5), trained("residual", 0.6), trained("ensemble", 0.7)]
    assert choose_teacher(variants).name == "ensemble"


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_without_a_vote_the_best_on_selection_teaches_whatever_validation_says(status):
    variants = [
        trained("compact", 0.8, validation_accuracy=0.9),
        trained("residual", 0.6, validation_accuracy=0.4),
        trained("cnn_2", float("nan")),
        untrained("cnn_gray", "failed"),
        untrained("ensemble", status),
    ]
    assert choose_teacher(variants).name == "residual"


def test_where_nothing_was_trained_nothing_teaches():
    assert choose_teacher([untrained("compact", "failed"), untrained("ensemble", "skipped")]) is None


@pytest.mark.parametrize(
    ("teacher", "words"),
    [("ensemble", "by the ensemble: "), ("residual", "by residual alone: "), ("", "by other variants: ")],
)
def test_a_student_is_a_known_network_and_says_who_taught_it(teacher, words):
    network = find_variant("cnn_gray")
    student = make_student(network, teacher)
    assert (student.name, student.builder) == ("student", network.builder)
    assert student.description == f"cnn_gray taught {words}{network.description}"
    assert student.published is None, "the notebook had no such variant"
