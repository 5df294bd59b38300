"""Holm's correction against figures worked out by hand."""

import pytest

from data.quality.multiple_testing import holm_correction


def test_holm_correction_by_hand():
    assert holm_correction([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm_correction([]) == []


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([0.04], [0.04]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.9, 0.4, 0.001], [0.9, 0.8, 0.003]),  # 1 x 0.9, 2 x 0.4, 3 x 0.001
        ([0.6, 0.7], [1.0, 1.0]),  # 2 x 0.6 is over 1, and 0.7 must not be below it
        ([0.01, 0.02, 0.022, 0.0225], [0.04, 0.06, 0.06, 0.06]),
    ],
)
def test_each_p_value_is_multiplied_by_the_tests_that_are_left(p_values, expected):
    assert holm_correction(p_values) == pytest.approx(expected)
