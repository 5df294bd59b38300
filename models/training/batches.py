"""Training batches: of pixels, or of features that a frozen backbone has computed before."""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from data.views.tfrecords import Jitter, ViewsIndex, read_order, read_part, without_autotune
from models.jobs.specs import FitSpec
from models.training.features import Features, FeatureStore
from models.training.soft_labels import SoftLabels
from models.training.targets import Targets

EVALUATION_BATCH = 256

SMALLEST_DRAW = 1e-37
"""Lower bound for a gamma number, so that a share of two of them is defined."""


class PixelBatches:
    """Batches of images, with another random flip and shift in every epoch.

    Args:
        spec: specification of the training.
    """

    def __init__(self, spec: FitSpec) -> None:
        self.spec = spec
        self.views = usable_views(spec)
        self.targets = Targets(spec.views, spec.train)

    @cached_property
    def monitored(self) -> tf.data.Dataset:
        """Return the part that chooses the best epoch, in written order."""
        part = self.spec.train.monitor
        batches = read_part(self.spec.views, part, batch_size=EVALUATION_BATCH)
        return monitored_batches(batches, self.spec, self.targets)

    def training(self, epoch: int, _deadline: float = math.inf) -> tuple[tf.data.Dataset, int]:
        """Return the (images, label rows) of an epoch and the number of their view; epochs count from 0."""
        config, view = self.spec.train, epoch % self.views
        batches = read_part(
            self.spec.views,
            "train",
            view=view,
            batch_size=config.batch_size,
            shuffle_seed=self.spec.seed + epoch,
            jitter=Jitter(flip=config.flip, shift_pixels=config.shift_pixels),
        )
        return finish_batches(batches, self.spec, epoch, view, self.targets), view


class FeatureBatches:
    """Batches of a frozen backbone's features, in the same order as the batches of images.

    Args:
        spec: specification of the training; its flip and shift do not apply to features.
        store: loads or computes the features.
        views: number of views of the train part that are used, from the first.
    """

    def __init__(self, spec: FitSpec, store: FeatureStore, views: int) -> None:
        self.spec, self.store, self.views = spec, store, views
        self.targets = Targets(spec.views, spec.train)

    @cached_property
    def monitored(self) -> tf.data.Dataset:
        """Return the part that chooses the best epoch, in written order."""
        features = self.store.load(self.spec.train.monitor)
        batches = feature_batches(features, np.arange(len(features.labels)), EVALUATION_BATCH)
        return monitored_batches(batches, self.spec, self.targets)

    def training(self, epoch: int, deadline: float = math.inf) -> tuple[tf.data.Dataset, int]:
        """Return the (features, label rows) of an epoch and the number of their view; epochs count from 0.

        Raises:
            OutOfTime: the features of the view were not ready before the deadline.
        """
        view = epoch % self.views
        features = self.store.load("train", view, deadline)
        order = read_order(self.spec.views, "train", view, self.spec.seed + epoch)
        batches = feature_batches(features, order, self.spec.train.batch_size)
        return finish_batches(batches, self.spec, epoch, view, self.targets), view


def usable_views(spec: FitSpec) -> int:
    """Return how many views of the train part a training may use; a student uses those that have soft labels."""
    written = ViewsIndex.load(spec.views).views
    return min(written, SoftLabels(spec.soft_labels).views) if spec.soft_labels else written


def feature_batches(features: Features, order: NDArray[np.int64], batch_size: int) -> tf.data.Dataset:
    """Read batches of float32 features and int32 labels in this order, with one batch in memory at a time."""

    def look_up(positions: NDArray[np.int64]) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
        return features.values[positions], features.labels[positions]

    def shaped(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values, labels = tf.numpy_function(look_up, [positions], [tf.float16, tf.int32])
        values.set_shape([None, *features.values.shape[1:]])
        labels.set_shape([None])
        return tf.cast(values, tf.float32), labels

    return without_autotune(tf.data.Dataset.from_tensor_slices(order).batch(batch_size)).map(shaped).prefetch(2)


def finish_batches(
    batches: tf.data.Dataset, spec: FitSpec, epoch: int, view: int | None, targets: Targets | None = None
) -> tf.data.Dataset:
    """Turn the labels of an epoch into rows: of votes, blended with soft labels of a teacher, mixed, weighed by class.

    Args:
        batches: images or features with label indices, in the order of the view and the epoch.
        spec: specification of the training.
        epoch: counts from 0.
        view: number of the view; None for a sample in another order, which is only timed and has no soft labels.
        targets: of the train part; None for such a sample.
    """
    labelled, of_votes = labelled_batches(batches, spec), targets is not None and targets.of_votes
    if view is not None and (spec.soft_labels or of_votes):
        order = read_order(spec.views, "train", view, spec.seed + epoch)
        if targets is not None and of_votes:
            labelled = replace_labels(labelled, targets.of_train(order), spec.train.batch_size)
        if spec.soft_labels:
            soft = SoftLabels(spec.soft_labels).of_view(view, order)
            labelled = blend_soft_labels(labelled, soft, spec.train.batch_size, spec.train.teacher_share)
    mixed = mix_batches(labelled, spec.train.mixup, spec.seed + epoch) if spec.train.mixup else labelled
    if not spec.train.class_balance:
        return mixed
    counted = ViewsIndex.load(spec.views).count_labels("train")
    images = targets.expected_images() if targets is not None and of_votes else counted
    return weigh_batches(mixed, weigh_classes(images, spec.train.class_balance))


def monitored_batches(batches: tf.data.Dataset, spec: FitSpec, targets: Targets) -> tf.data.Dataset:
    """Turn the label indices of the monitored part, in written order, into one-hot rows that choose the best epoch."""
    labelled = labelled_batches(batches, spec)
    return replace_labels(labelled, targets.of_monitored(), EVALUATION_BATCH) if targets.of_votes else labelled


def replace_labels(batches: tf.data.Dataset, rows: NDArray[np.float32], batch_size: int) -> tf.data.Dataset:
    """Replace the labels of batches by these rows, float32 (images, classes), in the order of the images."""
    row_batches = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
    return tf.data.Dataset.zip(batches, row_batches).map(lambda batch, replaced: (batch[0], replaced))


def weigh_classes(images: Sequence[int] | NDArray[np.float64], balance: float) -> NDArray[np.float32]:
    """Return the weight of each class in the loss, such that the mean over all images is 1.

    Args:
        images: number of train images of each class; with votes the number that the targets expect.
        balance: 0 weighs all images the same, 1 all classes; see `TrainConfig.class_balance`.

    Returns:
        float32 (classes,), 0 for a class without an image.

    Example:
        >>> [round(float(weight), 2) for weight in weigh_classes([300, 100], balance=1)]
        [0.67, 2.0]
    """
    counts = np.asarray(images, np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -balance, 0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)


def weigh_batches(batches: tf.data.Dataset, weights: NDArray[np.float32]) -> tf.data.Dataset:
    """Add to each batch the weight of every image: that of its class, or the mean of those in a mixed label."""
    return batches.map(lambda images, labels: (images, labels, tf.linalg.matvec(labels, weights)))


def blend_soft_labels(
    batches: tf.data.Dataset, soft_labels: NDArray[np.float32], batch_size: int, teacher_share: float
) -> tf.data.Dataset:
    """Replace each label by the weighted mean of the label and the teacher's probabilities for the same image.

    Args:
        batches: images or features with one-hot labels (b, classes).
        soft_labels: float32 (images, classes), in the order of the images in the batches.
        batch_size: b, the size of all batches except the last.
        teacher_share: weight of the teacher's probabilities, 0..1.
    """
    soft_batches = tf.data.Dataset.from_tensor_slices(soft_labels).batch(batch_size)
    return tf.data.Dataset.zip(batches, soft_batches).map(
        lambda batch, soft: (batch[0], (1 - teacher_share) * batch[1] + teacher_share * soft)
    )


def labelled_batches(batches: tf.data.Dataset, spec: FitSpec) -> tf.data.Dataset:
    """Turn label indices into one-hot rows, as the smoothed loss needs them, on the threads of the training."""
    classes = len(ViewsIndex.load(spec.views).data_format.labels)
    options = tf.data.Options()
    options.threading.private_threadpool_size = spec.threads
    return batches.map(lambda images, labels: (images, tf.one_hot(labels, classes))).with_options(options)


def mix_batches(batches: tf.data.Dataset, strength: float, seed: int) -> tf.data.Dataset:
    """Mix each image and its label with the next image of the batch, by shares from Beta(strength, strength).

    Args:
        batches: images (b, height, width, channels), 0..255, or features (b, height, width, channels), with label rows
            (b, classes), one-hot or soft, in shuffled order.
        strength: above 0; the smaller it is, the more often one of the two images dominates.
        seed: seed of the shares; use another one in each epoch.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"; for features Verma et al. 2019, "Manifold
    Mixup".
    """

    def mix(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.cast(batch[0], tf.float32), batch[1]
        # A Beta share is one of two gamma numbers divided by their sum. Negative seeds differ from those of the jitter.
        seeds = tf.stack([tf.constant(-1 - seed, tf.int64), step])
        draws = tf.random.stateless_gamma([2, tf.shape(labels)[0]], seeds, tf.constant(strength))
        # With a small strength the numbers are close to the smallest float32; a larger bound would equalise shares.
        share = tf.maximum(draws[0], SMALLEST_DRAW) / tf.maximum(draws[0] + draws[1], 2 * SMALLEST_DRAW)
        of_images, of_labels = share[:, None, None, None], share[:, None]
        return (
            of_images * images + (1 - of_images) * tf.roll(images, 1, axis=0),
            of_labels * labels + (1 - of_labels) * tf.roll(labels, 1, axis=0),
        )

    return batches.enumerate().map(mix)
