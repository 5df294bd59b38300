"""The generated sample: layout, determinism, planted faults, and classes that can be told apart but not easily."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from sklearn.linear_model import RidgeClassifier

from data.base.parts import SPLITS
from data.sample.faces import draw_face
from data.sample.generate import PLANTED_FAULTS, SampleConfig, generate_sample
from tests.support.seed_format import CLASSES, IMAGE_SIZE

SMALL = SampleConfig(train_per_class=4, validation_per_class=2, test_per_class=1, seed=3)


def _hashes(root: Path) -> dict[str, str]:
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*.jpg")}


def _faces(count: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Return faces, standardised and flattened, of every class in turn, and their labels."""
    drawn = [
        draw_face(label, np.random.default_rng([offset, index, number]))
        for index, label in enumerate(CLASSES)
        for number in range(count)
    ]
    flat = np.array(drawn, np.float32).reshape(len(drawn), -1)
    standard = (flat - flat.mean(axis=1, keepdims=True)) / flat.std(axis=1, keepdims=True)
    return standard, np.repeat(np.arange(len(CLASSES)), count)


def test_sample_without_faults_has_the_seeds_layout(tmp_path: Path) -> None:
    generate_sample(tmp_path, SMALL.model_copy(update={"faults": False}))
    for split, expected in zip(SPLITS, (4, 2, 1), strict=True):
        for label in CLASSES:
            names = sorted(path.name for path in (tmp_path / split / label).iterdir())
            assert names == [f"{number}.jpg" for number in range(1, expected + 1)]
    with Image.open(tmp_path / "test" / "sad" / "1.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "L", (IMAGE_SIZE, IMAGE_SIZE))


def test_equal_configuration_gives_equal_bytes_and_another_seed_other_faces(tmp_path: Path) -> None:
    generate_sample(tmp_path / "a", SMALL)
    generate_sample(tmp_path / "b", SMALL)
    generate_sample(tmp_path / "c", SMALL.model_copy(update={"seed": 4, "faults": False}))
    first, other = _hashes(tmp_path / "a"), _hashes(tmp_path / "c")
    assert first == _hashes(tmp_path / "b")
    assert not set(first.values()) & set(other.values())


def test_a_face_does_not_depend_on_how_many_are_drawn(tmp_path: Path) -> None:
    generate_sample(tmp_path / "few", SMALL.model_copy(update={"faults": False}))
    generate_sample(tmp_path / "more", SMALL.model_copy(update={"faults": False, "train_per_class": 5}))
    few, more = _hashes(tmp_path / "few"), _hashes(tmp_path / "more")
    assert few.items() < more.items()
    assert len(more) == len(few) + len(CLASSES)


def test_planted_faults_are_the_documented_ones(tmp_path: Path) -> None:
    generate_sample(tmp_path, SMALL)
    by_hash: dict[str, list[Path]] = {}
    blank = truncated = 0
    for name, digest in _hashes(tmp_path).items():
        by_hash.setdefault(digest, []).append(Path(name))
        try:
            with Image.open(tmp_path / name) as image:
                blank += bool(np.asarray(image).std() < 1)
        except OSError:
            truncated += 1
    groups = [paths for paths in by_hash.values() if len(paths) > 1]
    found = {
        "duplicate_across_splits": sum(len({path.parts[0] for path in paths}) > 1 for paths in groups),
        "label_conflict": sum(len({path.parts[1] for path in paths}) > 1 for paths in groups),
        "blank": blank,
        "truncated": truncated,
    }
    assert found == PLANTED_FAULTS


def test_faces_of_one_class_vary_and_use_the_gray_range() -> None:
    faces = np.array([draw_face("happy", np.random.default_rng([1, number])) for number in range(12)], np.float32)
    assert faces.shape == (12, IMAGE_SIZE, IMAGE_SIZE)
    assert faces.std(axis=(1, 2)).min() > 8
    assert faces.std(axis=0).mean() > 25


def test_expressions_can_be_learnt_but_not_by_pixels_alone() -> None:
    train, labels = _faces(60, offset=11)
    validation, truth = _faces(30, offset=12)
    accuracy = RidgeClassifier(alpha=3000).fit(train, labels).score(validation, truth)
    assert 0.36 < accuracy < 0.8


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        SampleConfig.model_validate({"images": 3})
