"""What a network is trained towards: published labels, the crowd's choice, or the distribution of its votes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.views.choices import write_votes
from data.views.tfrecords import ShardKey, write_index, write_records
from models.catalog.train_config import TrainConfig
from models.jobs.specs import FitSpec
from models.training.batches import FeatureBatches, PixelBatches, weigh_classes
from models.training.features import Features
from models.training.targets import Targets, make_targets, spread_votes
from tests.support.soft_labels_factory import write_soft_labels

FORMAT = DataFormat(labels=("a", "b", "c", "d"), height=32, width=32, channels=1)
IMAGES = {"train": 60, "selection": 20}
NOTHING = [np.nan] * 6

LABELS = np.array([0, 1, 2, 0, 1])
VOTES = np.array(
    [
        [2, 6, 0, 2, 0, 0],  # most people say b
        [4, 4, 0, 0, 2, 0],  # a tie with the published label in it
        [3, 3, 0, 4, 0, 0],  # a tie without it, and more people for another class
        NOTHING,
        [0, 0, 0, 0, 3, 7],  # nobody for a class
    ],
    np.float32,
)


def make(target: str, **recipe: float) -> list[list[float]]:
    made = make_targets(LABELS, VOTES, 3, TrainConfig.model_validate({"target": target, **recipe}))
    assert made.dtype == np.float32 and made.shape == (5, 3)
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-6)
    return made.tolist()


def test_a_label_is_one_hot_whatever_people_say() -> None:
    assert make("label") == np.eye(3)[LABELS].tolist()


def test_the_majority_is_one_hot_and_a_tie_goes_to_the_published_label() -> None:
    assert make("majority") == np.eye(3)[[1, 1, 0, 0, 1]].tolist()


def test_votes_are_shares_of_the_classes_alone() -> None:
    rows = np.array(make("votes"))
    np.testing.assert_allclose(rows[:3], [[0.25, 0.75, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]])
    assert rows[3:].tolist() == np.eye(3)[LABELS[3:]].tolist()


def test_smoothing_adds_to_each_class_and_leaves_images_without_votes() -> None:
    rows = np.array(make("votes", votes_smoothing=1))
    np.testing.assert_allclose(rows[0], np.array([3, 7, 1]) / 11, rtol=1e-6)
    assert rows[3:].tolist() == np.eye(3)[LABELS[3:]].tolist()


@pytest.mark.parametrize(("temperature", "expected"), [(2, [1, 3**0.5, 0]), (0.5, [1, 9, 0])])
def test_a_temperature_evens_votes_out_or_sharpens_them(temperature: float, expected: list[float]) -> None:
    rows = np.array(make("votes", votes_temperature=temperature))
    np.testing.assert_allclose(rows[0], np.array(expected) / sum(expected), rtol=1e-6)


def test_a_sharp_temperature_does_not_overflow() -> None:
    np.testing.assert_allclose(spread_votes(np.array([[1e300, 1.0]]), 0, 0.05), [[1, 0]], atol=1e-9)


@pytest.fixture
def views(tmp_path: Path) -> Path:
    """Write images whose first pixel is their number, in two views, with votes that differ from image to image."""
    files = []
    for part, count in IMAGES.items():
        labels, ids = np.arange(count) % 3, [f"{part}/{number}" for number in range(count)]
        for view in range(2 if part == "train" else 1):
            images = np.zeros((count, *FORMAT.shape), np.uint8) + np.arange(count)[:, None, None, None]
            files.append(write_records(tmp_path, ShardKey(part, view), images.astype(np.uint8), labels.tolist(), ids))
        write_votes(tmp_path, part, draw_votes(part))
    write_index(tmp_path, files, FORMAT)
    return tmp_path


def draw_votes(part: str) -> np.ndarray:
    """Draw votes for a part; every fifth image has none."""
    votes = np.random.default_rng(len(part)).integers(0, 5, (IMAGES[part], 7)).astype(np.float32)
    votes[::5] = np.nan
    return votes


def targets_of(part: str, **recipe: Any) -> np.ndarray:
    return make_targets(np.arange(IMAGES[part]) % 3, draw_votes(part), 4, TrainConfig(**recipe))


def make_spec(views: Path, soft_labels: Path | None = None, **recipe: Any) -> FitSpec:
    train = TrainConfig(batch_size=16, flip=False, shift_pixels=0, **recipe)
    places = {"views": views, "soft_labels": soft_labels}
    return FitSpec(name="x", description="", builder="a:b", train=train, seed=1, threads=1, **places)


def read_epoch(spec: FitSpec, epoch: int = 0) -> list[np.ndarray]:
    """Return the numbers of an epoch's images, their label rows, and their weights if they have some."""
    batches = list(PixelBatches(spec).training(epoch)[0].as_numpy_iterator())
    images, *rest = (np.concatenate(column) for column in zip(*batches, strict=True))
    return [images[:, 0, 0, 0], *rest]


@pytest.mark.parametrize("target", ["majority", "votes"])
@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_each_image_of_an_epoch_has_its_own_target(views: Path, target: str, epoch: int) -> None:
    numbers, rows = read_epoch(make_spec(views, target=target), epoch)
    assert sorted(numbers) == list(range(IMAGES["train"])) and numbers.tolist() != sorted(numbers)
    np.testing.assert_array_equal(rows, targets_of("train", target=target)[numbers])


def test_features_have_the_targets_of_their_images(views: Path) -> None:
    values = np.arange(IMAGES["train"], dtype=np.float16)[:, None, None, None]
    features = Features(values, (np.arange(IMAGES["train"]) % 3).astype(np.int32))
    store: Any = SimpleNamespace(load=lambda *_: features)
    batches, _ = FeatureBatches(make_spec(views, target="votes"), store, 2).training(1)
    for images, rows in batches.as_numpy_iterator():
        numbers = images[:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(rows, targets_of("train", target="votes")[numbers])


@pytest.mark.parametrize("target", ["label", "majority", "votes"])
def test_the_best_epoch_is_chosen_by_one_class_for_each_image(views: Path, target: str) -> None:
    batches = PixelBatches(make_spec(views, target=target)).monitored
    rows = np.concatenate([rows for _, rows in batches.as_numpy_iterator()])
    judged = "label" if target == "label" else "majority"
    np.testing.assert_array_equal(rows, targets_of("selection", target=judged))


def test_with_labels_as_targets_votes_change_nothing(views: Path) -> None:
    spec = make_spec(views, mixup=0.3, class_balance=0.5)
    with_votes = read_epoch(spec)
    for part in IMAGES:
        (views / f"votes-{part}.npy").unlink()
    for first, second in zip(with_votes, read_epoch(spec), strict=True):
        np.testing.assert_array_equal(first, second)


def test_classes_weigh_by_the_images_that_the_targets_expect(views: Path) -> None:
    rows = targets_of("train", target="votes")
    numbers, labels, weights = read_epoch(make_spec(views, target="votes", class_balance=1.0))
    expected = weigh_classes(rows.sum(axis=0), 1.0)
    np.testing.assert_allclose(weights, rows[numbers] @ expected, rtol=1e-5)
    assert (labels @ expected).mean() == pytest.approx(1)
    assert np.dot(expected, rows.sum(axis=0)) == pytest.approx(IMAGES["train"])


def test_mixup_mixes_targets_as_it_mixes_images(views: Path) -> None:
    rows, spec = targets_of("train", target="votes"), make_spec(views, target="votes", mixup=0.4)
    plain, mixed = (
        list(PixelBatches(one).training(0)[0].as_numpy_iterator()) for one in (make_spec(views, target="votes"), spec)
    )
    for (images, _), (mixed_images, mixed_rows) in zip(plain, mixed, strict=True):
        own = images[:, 0, 0, 0].astype(int)
        other = np.roll(own, 1)
        apart = own != other
        share = (mixed_images[:, 0, 0, 0] - other)[apart] / (own - other)[apart]
        expected = share[:, None] * rows[own[apart]] + (1 - share)[:, None] * rows[other[apart]]
        np.testing.assert_allclose(mixed_rows[apart], expected, atol=1e-4)


def test_a_teacher_blends_with_the_votes(views: Path, tmp_path: Path) -> None:
    soft = tmp_path / "soft"
    (taught, _) = write_soft_labels(soft, 2, IMAGES["train"])
    numbers, rows = read_epoch(make_spec(views, soft, target="votes", teacher_share=0.25))
    expected = 0.75 * targets_of("train", target="votes") + 0.25 * taught
    np.testing.assert_allclose(rows, expected[numbers], rtol=1e-6)


def test_a_target_of_votes_needs_votes_of_the_train_part(views: Path) -> None:
    (views / "votes-train.npy").unlink()
    with pytest.raises(PipelineError, match=r"got target majority for a data set without votes.*--votes"):
        Targets(views, TrainConfig(target="majority"))


def test_a_part_without_votes_is_chosen_on_by_its_labels(views: Path) -> None:
    (views / "votes-selection.npy").unlink()
    chosen = Targets(views, TrainConfig(target="votes")).choices("selection")
    assert chosen.tolist() == (np.arange(IMAGES["selection"]) % 3).tolist()


def test_votes_of_other_records_are_refused(views: Path) -> None:
    write_votes(views, "train", draw_votes("train")[:-1])
    with pytest.raises(PipelineError, match=r"got votes for 59 images of train.*expected 60"):
        Targets(views, TrainConfig(target="votes")).expected_images()
