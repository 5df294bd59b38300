"""Similar images: a shifted or brighter copy is found before other pictures, a damaged file costs itself alone."""

import numpy as np
from PIL import Image

from data.review.neighbours import Neighbours, describe_faces
from tests.support.image_tree import make_pixels, write_image


def test_copies_are_the_nearest(tmp_path):
    random = np.random.default_rng(5)
    faces = [make_pixels(random) for _ in range(40)]
    for number, face in enumerate(faces):
        write_image(tmp_path / f"{number}.png", face)
    write_image(tmp_path / "shifted.png", np.roll(faces[7], 1, axis=1))
    write_image(tmp_path / "brighter.png", np.clip(faces[7] * 0.7 + 60, 0, 255).astype(np.uint8))
    write_image(tmp_path / "larger.png", np.asarray(Image.fromarray(faces[7]).resize((96, 96))))
    paths = [path.name for path in sorted(tmp_path.iterdir())]
    found = Neighbours(tmp_path, paths).find(tmp_path / "7.png", 4)
    assert {paths[one.row] for one in found} == {"7.png", "shifted.png", "brighter.png", "larger.png"}
    assert found[0].similarity > found[-1].similarity > 0.5


def test_a_damaged_file_is_nobodys_neighbour(tmp_path):
    write_image(tmp_path / "0.png", make_pixels(np.random.default_rng(1)))
    (tmp_path / "1.png").write_bytes(b"no picture")
    found = Neighbours(tmp_path, ["0.png", "1.png"]).find(tmp_path / "0.png", 2)
    assert [one.row for one in found] == [0, 1]
    assert abs(found[1].similarity) < 1e-6


def test_descriptions_have_length_one_and_a_blank_face_none():
    faces = np.stack([make_pixels(np.random.default_rng(2)), np.full((48, 48), 90, np.uint8)])
    lengths = np.linalg.norm(describe_faces(faces), axis=1)
    assert np.allclose(lengths, [1, 0], atol=1e-5)
