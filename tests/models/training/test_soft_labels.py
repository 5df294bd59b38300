"""A teacher's answer to an image stands beside this image, in whatever order it is read."""

import numpy as np
import pytest
from pydantic import ValidationError

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.views.tfrecords import ShardKey, read_part, write_index, write_records
from models.catalog.train_config import TrainConfig
from models.jobs.specs import FitSpec
from models.training.batches import FeatureBatches, PixelBatches
from models.training.features import Features
from models.training.soft_labels import SoftLabels
from tests.support.soft_labels_factory import write_soft_labels

VIEWS, SHARDS, PER_SHARD = 2, 3, 30
IMAGES = SHARDS * PER_SHARD
LABELS = np.arange(IMAGES) % 4


def draw_images(view):
    return np.random.default_rng(view).integers(0, 256, (IMAGES, 48, 48, 1), dtype=np.uint8)


@pytest.fixture
def records(tmp_path, monkeypatch):
    """Three shards of two views, more images than the shuffle holds at once."""
    monkeypatch.setattr("data.views.tfrecords.SHUFFLE_BUFFER_RECORDS", 40)
    directory, files = tmp_path / "records", []
    directory.mkdir()
    for view in range(VIEWS):
        for shard in range(SHARDS):
            places = np.arange(shard * PER_SHARD, (shard + 1) * PER_SHARD)
            key, names = ShardKey("train", view, shard), [str(place) for place in places]
            files.append(write_records(directory, key, draw_images(view)[places], LABELS[places].tolist(), names))
    write_index(directory, files, SEED_FORMAT)
    return directory


def make_spec(records, soft_labels, **train):
    return FitSpec(
        name="student",
        description="",
        builder="models.networks.compact:build_compact",
        views=records,
        soft_labels=soft_labels,
        train=TrainConfig(**{"batch_size": 32, "flip": False, "shift_pixels": 0, **train}),
        seed=5,
        threads=1,
    )


def read_epoch(batches, epoch):
    dataset, view = batches.training(epoch)
    inputs, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(inputs), np.concatenate(labels), view


@pytest.mark.parametrize("epoch", [0, 1, 3])
@pytest.mark.parametrize("share", [0.7, 1.0])
def test_a_soft_label_stands_beside_its_own_image(records, tmp_path, epoch, share):
    soft = write_soft_labels(tmp_path / "soft", VIEWS, IMAGES)
    batches = PixelBatches(make_spec(records, tmp_path / "soft", teacher_share=share))
    images, labels, view = read_epoch(batches, epoch)
    assert view == epoch % VIEWS
    place_of = {image.tobytes(): place for place, image in enumerate(draw_images(view))}
    places = [place_of[image.tobytes()] for image in images]
    assert sorted(places) == list(range(IMAGES)) and places != list(range(IMAGES))
    expected = (1 - share) * np.eye(4)[LABELS[places]] + share * soft[view][places]
    np.testing.assert_allclose(labels, expected, atol=1e-6)


def test_a_soft_label_stands_beside_its_own_features(records, tmp_path):
    class PlaceStore:
        """Gives each image its place as its feature."""

        def load(self, part, view, deadline):
            values = np.arange(IMAGES, dtype=np.float16).reshape(-1, 1, 1, 1)
            return Features(values, LABELS.astype(np.int32))

    soft = write_soft_labels(tmp_path / "soft", VIEWS, IMAGES)
    batches = FeatureBatches(make_spec(records, tmp_path / "soft", teacher_share=1), PlaceStore(), VIEWS)
    assert batches.training(0)[0].options().autotune.enabled is False
    features, labels, view = read_epoch(batches, 1)
    places = features.reshape(-1).astype(int)
    assert places.tolist() != sorted(places)
    np.testing.assert_allclose(labels, soft[view][places], atol=1e-6)


def test_mixup_mixes_soft_labels_as_it_mixes_images(records, tmp_path):
    soft = write_soft_labels(tmp_path / "soft", VIEWS, IMAGES)
    spec = make_spec(records, tmp_path / "soft", teacher_share=1, mixup=0.4, batch_size=IMAGES)
    images, labels, view = read_epoch(PixelBatches(spec), 0)
    plain = np.concatenate([b for b, _ in read_part(records, "train", batch_size=IMAGES, shuffle_seed=spec.seed)])
    place_of = {image.tobytes(): place for place, image in enumerate(draw_images(view))}
    own = soft[view][[place_of[image.tobytes()] for image in plain]]
    pixels, next_pixels = (a.reshape(IMAGES, -1).astype(float) for a in (plain, np.roll(plain, 1, axis=0)))
    moved = ((images.reshape(IMAGES, -1) - next_pixels) * (pixels - next_pixels)).sum(axis=1)
    share = (moved / ((pixels - next_pixels) ** 2).sum(axis=1))[:, None]
    assert (share < 0.9).any()
    np.testing.assert_allclose(labels, share * own + (1 - share) * np.roll(own, 1, axis=0), atol=1e-3)


def test_only_labelled_views_are_read(records, tmp_path):
    write_soft_labels(tmp_path / "soft", 1, IMAGES)
    batches = PixelBatches(make_spec(records, tmp_path / "soft"))
    assert [batches.training(epoch)[1] for epoch in range(3)] == [0, 0, 0]
    assert [PixelBatches(make_spec(records, None)).training(epoch)[1] for epoch in range(3)] == [0, 1, 0]


def test_soft_labels_of_other_records_are_refused(records, tmp_path):
    write_soft_labels(tmp_path / "soft", VIEWS, IMAGES - 1)
    with pytest.raises(PipelineError, match=r"89 images of view 1.*expected 90"):
        PixelBatches(make_spec(records, tmp_path / "soft")).training(1)


def test_a_directory_without_soft_labels_is_named(tmp_path):
    with pytest.raises(PipelineError, match=r"teaching\.json, which is not a readable record"):
        SoftLabels(tmp_path)


def test_labels_are_not_smoothed_twice(records, tmp_path):
    with pytest.raises(ValidationError, match=r"got label_smoothing 0\.1 and teacher_share 0\.7"):
        make_spec(records, tmp_path, label_smoothing=0.1)
    assert make_spec(records, tmp_path, label_smoothing=0.1, teacher_share=0).train.label_smoothing == 0.1
    assert make_spec(records, None, label_smoothing=0.1).train.teacher_share == 0.7
