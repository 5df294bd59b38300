"""Crop of a face: the eyes level, the margin of the training images, antialiased; and the judgement of a face."""

import math

import numpy as np
import pytest

from data.base.data_format import DataFormat
from data.photos.crop import MARGIN, RAISE, crop_face, judge_face, measure_side, measure_tilt
from data.photos.found_face import Box, FoundFace

GRAY = DataFormat(labels=("happy", "sad"))


def make_face(middle=(200.0, 150.0), height=90.0, tilt=0.0, nose=0.5) -> FoundFace:
    """Return a face of which the eyes are 0.38 heights apart and level in the face, turned around its middle."""
    radians = math.radians(tilt)
    across, down = (math.cos(radians), math.sin(radians)), (-math.sin(radians), math.cos(radians))

    def place(x, y):
        return tuple(middle[axis] + height * (x * across[axis] + y * down[axis]) for axis in (0, 1))

    eyes = -0.19, 0.19
    landmarks = (place(eyes[0], -0.13), place(eyes[1], -0.13), place(0.38 * (nose - 0.5), 0.05), place(-0.15, 0.25))
    box = Box(left=middle[0] - height * 0.4, top=middle[1] - height / 2, width=height * 0.8, height=height)
    return FoundFace(box=box, certainty=0.9, landmarks=(*landmarks, place(0.15, 0.25)))


def paint_dot(pixels, point, radius, level=255):
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    pixels[(columns + 0.5 - point[0]) ** 2 + (rows + 0.5 - point[1]) ** 2 < radius**2] = level


def find_dot(crop):
    """Return the centre of gravity (x, y) of a bright dot in a dark crop, as shares of its sides."""
    weights = crop[:, :, 0].astype(float)
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]] + 0.5
    return (columns * weights).sum() / weights.sum() / crop.shape[1], (
        rows * weights
    ).sum() / weights.sum() / crop.shape[0]


@pytest.mark.parametrize("tilt", [0, 25, -40, 90, 180])
@pytest.mark.parametrize("height", [30.0, 90.0, 170.0])
@pytest.mark.parametrize("landmark", [0, 1, 3])
def test_landmarks_lie_where_the_face_has_them_however_it_is_turned_and_large(tilt, height, landmark):
    face = make_face(height=height, tilt=tilt)
    pixels = np.zeros((400, 400, 3), np.uint8)
    paint_dot(pixels, face.landmarks[landmark], height / 20)
    expected = [((-0.19, -0.13), (0.19, -0.13), (), (-0.15, 0.25))[landmark][axis] for axis in (0, 1)]
    found = find_dot(crop_face(pixels, face, GRAY))
    assert found == pytest.approx((0.5 + expected[0] / MARGIN, 0.5 + (expected[1] - RAISE) / MARGIN), abs=0.012)


def test_a_large_face_is_averaged_not_sampled():
    pixels = np.zeros((900, 900, 3), np.uint8)
    pixels[:, ::2] = 254  # stripes finer than the crop can show: all of it becomes their mean
    crop = crop_face(pixels, make_face(middle=(450.0, 450.0), height=700.0), GRAY)
    assert np.abs(crop.astype(int) - 127).max() <= 2


def test_the_crop_has_the_format_and_repeats_the_edge_of_the_photo():
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:] = (10, 120, 230)
    face = make_face(middle=(5.0, 5.0), height=80.0)
    wide = DataFormat(labels=("happy", "sad"), height=64, width=96, channels=3)
    crop = crop_face(pixels, face, wide)
    assert (crop.shape, crop.dtype) == ((64, 96, 3), np.uint8)
    assert (crop == (10, 120, 230)).all()
    assert crop_face(pixels, face, GRAY).shape == (48, 48, 1)


@pytest.mark.parametrize(
    ("face", "outcome", "words"),
    [
        (make_face(), "scored", ""),
        (make_face(height=35), "scored", "small"),
        (make_face(height=20), "too_small", "small"),
        (make_face(middle=(10.0, 150.0)), "cut_off", "outside"),
        (make_face(middle=(30.0, 150.0)), "scored", "outside"),
        (make_face(nose=1.6), "turned_away", "side"),
        (make_face(nose=-0.6), "turned_away", "side"),
        (make_face(tilt=-30), "scored", "tilted by -30"),
    ],
)
def test_a_face_is_judged_by_size_place_and_pose(face, outcome, words):
    found, notes = judge_face(face, 400, 300)
    assert found == outcome
    assert words in "; ".join(notes)
    assert bool(notes) == bool(words)


def test_side_and_tilt_are_measured_on_the_face():
    face = make_face(height=100, tilt=-33)
    assert measure_side(face) == pytest.approx(100 * MARGIN)
    assert measure_tilt(face) == pytest.approx(-33)
