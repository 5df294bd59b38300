"""The occlusion map: it finds the part that decides, in one batch."""

import numpy as np
import pytest

from serving.web.explanation import GRID, find_regions

SIDE = 48


def score_corner(row, column, calls):
    """Return a network that looks at one place of the face alone."""

    def score(faces):
        calls.append(len(faces))
        seen = faces[:, row, column, 0].astype(float) / 255
        return np.stack([seen, 1 - seen], axis=1)

    return score


@pytest.mark.parametrize(("row", "column"), [(3, 3), (3, 45), (30, 20), (45, 45)])
def test_the_part_that_decides_is_found(row, column):
    face, calls = np.full((SIDE, SIDE, 1), 20, np.uint8), []
    face[row, column] = 255
    falls = find_regions(face, score_corner(row, column, calls))
    assert falls.shape == (GRID, GRID)
    assert calls == [1 + GRID * GRID]
    place = np.unravel_index(falls.argmax(), falls.shape)
    assert np.abs(np.array(place) - np.array((row, column)) * GRID / SIDE).max() <= 1.5
    assert falls.max() == pytest.approx((255 - round(face.mean())) / 255)
    assert (falls == 0).mean() > 0.5  # elsewhere nothing changes


def test_a_part_that_speaks_for_another_label_is_negative():
    face = np.zeros((SIDE, SIDE, 3), np.uint8)
    face[10:20, 10:20] = 255

    def score(faces):
        against = faces[:, 10:20, 10:20].mean(axis=(1, 2, 3)) / 255 * 0.4
        return np.stack([1 - against, against], axis=1)

    assert find_regions(face, score).min() < -0.3
