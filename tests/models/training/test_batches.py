"""The weights of classes in the loss."""

from pathlib import Path

import numpy as np
import pytest

from data.base.data_format import DataFormat
from data.views.tfrecords import ShardKey, ViewsIndex, write_index, write_records
from models.catalog.train_config import TrainConfig
from models.jobs.specs import FitSpec
from models.training.batches import PixelBatches, weigh_classes

FORMAT = DataFormat(labels=("a", "b", "c"), height=32, width=40, channels=3)
IMAGES = (60, 30, 10)


@pytest.fixture
def views(tmp_path: Path) -> Path:
    labels = np.repeat([0, 1, 2], IMAGES)
    images = np.zeros((len(labels), *FORMAT.shape), np.uint8)
    ids = [f"{number}" for number in range(len(labels))]
    files = [write_records(tmp_path, ShardKey("train"), images, labels.tolist(), ids)]
    write_index(tmp_path, files, FORMAT)
    return tmp_path


def read_epoch(views: Path, **recipe: object) -> list[tuple[np.ndarray, ...]]:
    train = TrainConfig.model_validate({"batch_size": 25, **recipe})
    spec = FitSpec(name="x", description="", builder="a:b", views=views, train=train, seed=1, threads=1)
    return list(PixelBatches(spec).training(0)[0].as_numpy_iterator())


def test_the_index_counts_the_images_of_each_label(views: Path) -> None:
    assert ViewsIndex.load(views).count_labels("train") == IMAGES
    assert ViewsIndex.load(views).count_labels("test") == (0, 0, 0)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_weights_follow_the_share_and_their_mean_over_images_is_one(balance: float) -> None:
    weights = weigh_classes(IMAGES, balance)
    assert np.dot(weights, IMAGES) / sum(IMAGES) == pytest.approx(1)
    assert weights[2] / weights[0] == pytest.approx(6**balance)
    assert weigh_classes((60, 0, 10), 1.0)[1] == 0


def test_without_balance_images_have_no_weight(views: Path) -> None:
    assert {len(batch) for batch in read_epoch(views)} == {2}


def test_each_image_weighs_as_its_class(views: Path) -> None:
    weights = weigh_classes(IMAGES, 1.0)
    for images, labels, of_images in read_epoch(views, class_balance=1.0):
        assert images.shape[1:] == FORMAT.shape and labels.shape[1] == 3
        np.testing.assert_allclose(of_images, weights[labels.argmax(axis=1)], rtol=1e-6)


def test_a_mixed_image_weighs_as_its_shares(views: Path) -> None:
    weights = weigh_classes(IMAGES, 1.0)
    for _, labels, of_images in read_epoch(views, class_balance=1.0, mixup=0.4):
        np.testing.assert_allclose(of_images, labels @ weights, rtol=1e-5)
