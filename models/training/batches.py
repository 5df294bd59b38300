"""What a training is fed with: batches of pixels, or of features where a frozen backbone gave them before."""

import math
from functools import cached_property

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from data.base.labels import CLASSES
from data.views.tfrecords import Jitter, ViewsIndex, read_order, read_part, without_autotune
from models.jobs.specs import FitSpec
from models.training.features import Features, FeatureStore
from models.training.soft_labels import SoftLabels

EVALUATION_BATCH = 256

LEAST_DRAW = 1e-37


class PixelBatches:
    """Batches of images, flipped and shifted anew in every epoch.

    Args:
        spec: the training's specification.
    """

    def __init__(self, spec: FitSpec) -> None:
        self.spec = spec
        self.views = usable_views(spec)

    @cached_property
    def monitored(self) -> tf.data.Dataset:
        """Return the part that chooses the best epoch, in written order."""
        part = self.spec.train.monitor
        return labelled_batches(read_part(self.spec.views, part, batch_size=EVALUATION_BATCH), self.spec.threads)

    def training(self, epoch: int, _deadline: float = math.inf) -> tuple[tf.data.Dataset, int]:
        """Return an epoch's (images, labels as rows) and the view that they are of; epochs count from 0."""
        config, view = self.spec.train, epoch % self.views
        batches = read_part(
            self.spec.views,
            "train",
            view=view,
            batch_size=config.batch_size,
            shuffle_seed=self.spec.seed + epoch,
            jitter=Jitter(flip=config.flip, shift_pixels=config.shift_pixels),
        )
        return finish_batches(batches, self.spec, epoch, view), view


class FeatureBatches:
    """Batches of a frozen backbone's features, in the order that the images would have.

    Args:
        spec: the training's specification; its flip and shift are of images and do not apply.
        store: gives the features.
        views: of the train part that are used, from the first.
    """

    def __init__(self, spec: FitSpec, store: FeatureStore, views: int) -> None:
        self.spec, self.store, self.views = spec, store, views

    @cached_property
    def monitored(self) -> tf.data.Dataset:
        """Return the part that chooses the best epoch, in written order."""
        features = self.store.load(self.spec.train.monitor)
        batches = feature_batches(features, np.arange(len(features.labels)), EVALUATION_BATCH)
        return labelled_batches(batches, self.spec.threads)

    def training(self, epoch: int, deadline: float = math.inf) -> tuple[tf.data.Dataset, int]:
        """Return an epoch's (features, labels as rows) and the view that they are of; epochs count from 0.

        Raises:
            OutOfTime: the view's features were not there before the deadline.
        """
        view = epoch % self.views
        features = self.store.load("train", view, deadline)
        order = read_order(self.spec.views, "train", view, self.spec.seed + epoch)
        batches = feature_batches(features, order, self.spec.train.batch_size)
        return finish_batches(batches, self.spec, epoch, view), view


def usable_views(spec: FitSpec) -> int:
    """Return how many views of the train part a training may use, from the first: where it is taught, labelled ones."""
    written = ViewsIndex.load(spec.views).views
    return min(written, SoftLabels(spec.soft_labels).views) if spec.soft_labels else written


def feature_batches(features: Features, order: NDArray[np.int64], batch_size: int) -> tf.data.Dataset:
    """Return batches of float32 features and int32 labels, looked up in this order, a batch in memory at a time."""

    def look_up(positions: NDArray[np.int64]) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
        return features.values[positions], features.labels[positions]

    def shaped(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values, labels = tf.numpy_function(look_up, [positions], [tf.float16, tf.int32])
        values.set_shape([None, *features.values.shape[1:]])
        labels.set_shape([None])
        return tf.cast(values, tf.float32), labels

    return without_autotune(tf.data.Dataset.from_tensor_slices(order).batch(batch_size)).map(shaped).prefetch(2)


def finish_batches(batches: tf.data.Dataset, spec: FitSpec, epoch: int, view: int | None) -> tf.data.Dataset:
    """Make the labels of an epoch's batches rows, soft ones where there is a teacher, and mix as the recipe says.

    Args:
        batches: of images or features and label indices, in the order of the view and the epoch.
        spec: the training's specification.
        epoch: counts from 0.
        view: of the images; None for a sample in another order, which is only timed and which no teacher labelled.
    """
    labelled = labelled_batches(batches, spec.threads)
    if spec.soft_labels and view is not None:
        order = read_order(spec.views, "train", view, spec.seed + epoch)
        soft = SoftLabels(spec.soft_labels).of_view(view, order)
        labelled = teach_batches(labelled, soft, spec.train.batch_size, spec.train.teacher_share)
    return mix_batches(labelled, spec.train.mixup, spec.seed + epoch) if spec.train.mixup else labelled


def teach_batches(
    batches: tf.data.Dataset, soft_labels: NDArray[np.float32], batch_size: int, teacher_share: float
) -> tf.data.Dataset:
    """Make each label the weighted mean of itself and the teacher's answer to the same image.

    Args:
        batches: of images or features and one-hot labels (b, classes).
        soft_labels: float32 (images, classes), in the order of the batches' images.
        batch_size: b, of all batches but the last.
        teacher_share: weight of the teacher's answer, 0..1.
    """
    taught = tf.data.Dataset.from_tensor_slices(soft_labels).batch(batch_size)
    return tf.data.Dataset.zip(batches, taught).map(
        lambda batch, soft: (batch[0], (1 - teacher_share) * batch[1] + teacher_share * soft)
    )


def labelled_batches(batches: tf.data.Dataset, threads: int) -> tf.data.Dataset:
    """Turn label indices into the one-hot rows that the smoothed loss takes, on the training's own threads."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return batches.map(lambda images, labels: (images, tf.one_hot(labels, len(CLASSES)))).with_options(options)


def mix_batches(batches: tf.data.Dataset, strength: float, seed: int) -> tf.data.Dataset:
    """Mix each image and its label with the next of the batch, by shares from Beta(strength, strength).

    Args:
        batches: of images (b, 48, 48, 1), 0..255, or features (b, height, width, channels), and labels as rows
            (b, classes), one-hot or soft, in shuffled order.
        strength: above 0; the smaller, the more often one of the two keeps nearly all.
        seed: gives the shares, so take another one each epoch.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"; for features Verma et al. 2019, "Manifold
    Mixup".
    """

    def mix(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.cast(batch[0], tf.float32), batch[1]
        # A share of Beta is one of two gamma numbers over their sum. The jitter's seeds are not negative.
        seeds = tf.stack([tf.constant(-1 - seed, tf.int64), step])
        draws = tf.random.stateless_gamma([2, tf.shape(labels)[0]], seeds, tf.constant(strength))
        # A small strength draws numbers near float32's least; a larger floor would make equal shares of them.
        share = tf.maximum(draws[0], LEAST_DRAW) / tf.maximum(draws[0] + draws[1], 2 * LEAST_DRAW)
        of_images, of_labels = share[:, None, None, None], share[:, None]
        return (
            of_images * images + (1 - of_images) * tf.roll(images, 1, axis=0),
            of_labels * labels + (1 - of_labels) * tf.roll(labels, 1, axis=0),
        )

    return batches.enumerate().map(mix)
