"""Generated photos: as many faces as asked, where the truth says, apart from each other, and the same for a seed."""

import numpy as np
import pytest

from data.sample.scenes import draw_scene


def test_a_seed_gives_one_photo_and_another_seed_another():
    first, again, other = (draw_scene((320, 240), [80], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.pixels == again.pixels).all() and first.faces == again.faces
    assert (first.pixels != other.pixels).any()
    assert (first.pixels.shape, first.pixels.dtype) == ((240, 320, 3), np.uint8)


@pytest.mark.parametrize(("count", "side", "tilt"), [(0, 50, 0.0), (1, 200, 0.0), (5, 90, 45.0), (40, 60, 0.0)])
def test_faces_lie_inside_and_apart_and_alone_change_the_photo(count, side, tilt):
    scene = draw_scene((800, 600), [side] * count, np.random.default_rng(3), tilt)
    assert len(scene.faces) == count
    assert [face.x for face in scene.faces] == sorted(face.x for face in scene.faces)
    for number, face in enumerate(scene.faces):
        assert side / 2 <= face.x <= 800 - side / 2 and side / 2 <= face.y <= 600 - side / 2
        for other in scene.faces[:number]:
            assert max(abs(face.x - other.x), abs(face.y - other.y)) >= side * 0.9
    empty = draw_scene((800, 600), [], np.random.default_rng(3)).pixels
    rows, columns = np.nonzero((scene.pixels != empty).any(axis=2))
    reach = side * 0.75
    near = [(abs(columns - face.x) < reach) & (abs(rows - face.y) < reach) for face in scene.faces]
    assert (np.any(near, axis=0).all() and len(rows) > 0) if count else not len(rows)


def test_a_face_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        draw_scene((100, 100), [120], np.random.default_rng(0))
