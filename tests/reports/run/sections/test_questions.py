"""The answers to the notebook's questions, in sentences."""

import pytest

from data.records.analysis import Analysis, PairAnswer
from reports.run.sections.questions import list_questions
from tests.support.results_factory import make_results

PAIR = PairAnswer(
    topic="depth", first="cnn_3", second="cnn_2", difference=0.02, low=0.01, high=0.03, p_value=0.001, p_holm=0.002
)


def sentence(directory, epochs):
    """Return what is said of the pair where cnn_3 trained for these epochs and cnn_2 for 15 whole ones."""
    results = make_results(directory)
    lengths = {"cnn_3": epochs, "cnn_2": [False] * 15}
    variants = tuple(
        variant.model_copy(
            update={
                "epochs": tuple(
                    record.model_copy(update={"partial": partial})
                    for record, partial in zip(variant.epochs, lengths.get(variant.name, []), strict=False)
                ),
                "stopped_because": "the plan",
            }
        )
        for variant in results.variants
    )
    results = results.model_copy(update={"variants": variants, "analysis": Analysis(questions=(PAIR,))})
    (said,) = [text for question in list_questions(results) for text in question.sentences]
    return said


def test_trainings_of_equal_length_are_not_mentioned(tmp_path):
    assert sentence(tmp_path, [False] * 15).endswith("Holm p 0.002).")


@pytest.mark.parametrize(
    ("epochs", "told"),
    [
        ([False] * 9, "cnn_3 for 9 epochs, cnn_2 for 15 epochs (both ended by the plan)."),
        ([True], "cnn_3 for part of an epoch, cnn_2 for 15 epochs"),
        ([False] * 14 + [True], "cnn_3 for 14 epochs and part of another, cnn_2 for 15 epochs"),
    ],
)
def test_trainings_of_other_lengths_are_told(tmp_path, epochs, told):
    assert told in sentence(tmp_path, epochs)
