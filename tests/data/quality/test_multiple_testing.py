"""Holm's correction against figures worked out by hand."""

import pytest

from data.quality.multiple_testing import holm_correction


def test_holm_correction_by_hand():
    assert holm_correction([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm_correction([]) == []
