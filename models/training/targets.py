"""Targets of a training: the published label of each image, the choice of the crowd, or the distribution of its votes.

Source: Peterson et al. 2019, "Human uncertainty makes classification more robust", for training on the distribution;
Barsoum et al. 2016, "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution",
for both on faces.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.views.choices import read_votes
from data.views.tfrecords import ViewsIndex, read_part
from data.votes.column import choose_majority, class_votes
from models.catalog.train_config import Target, TrainConfig

READ_IMAGES = 1024


def make_targets(
    labels: NDArray[np.integer], votes: NDArray[np.float32], classes: int, recipe: TrainConfig
) -> NDArray[np.float32]:
    """Return what the network is trained to answer for each image.

    Args:
        labels: (n,) indices of the published labels.
        votes: (n, classes + 3), see `data.votes.column`; NaN in the rows of images without votes.
        classes: number of classes.
        recipe: whether label, majority or votes are the target, and how votes become probabilities.

    Returns:
        float32 (n, classes), rows sum to 1. An image without a vote for a class has its label as target.
    """
    published = np.eye(classes, dtype=np.float32)[labels]
    if recipe.target == "label":
        return published
    chosen = choose_majority(votes, labels)
    if recipe.target == "majority":
        return np.eye(classes, dtype=np.float32)[np.where(chosen < 0, labels, chosen)]
    distribution = spread_votes(class_votes(votes), recipe.votes_smoothing, recipe.votes_temperature)
    return np.where((chosen < 0)[:, np.newaxis], published, distribution).astype(np.float32)


def spread_votes(votes: NDArray[np.float64], smoothing: float, temperature: float) -> NDArray[np.float64]:
    """Turn the votes for classes into probabilities.

    Args:
        votes: (n, classes) counts.
        smoothing: pseudo-count that is added to each class.
        temperature: probabilities are raised to the power of one by this: above 1 it evens them out, below 1 it
            sharpens them.

    Returns:
        float64 (n, classes), rows sum to 1; all equal if there is no vote.

    Example:
        >>> spread_votes(np.array([[8.0, 2.0]]), smoothing=0, temperature=1).tolist()
        [[0.8, 0.2]]
    """
    smoothed = votes + smoothing
    smoothed = np.where(smoothed.sum(axis=1, keepdims=True) > 0, smoothed, 1.0)
    shares = (smoothed / smoothed.max(axis=1, keepdims=True)) ** (1 / temperature)
    return shares / shares.sum(axis=1, keepdims=True)


class Targets:
    """Targets for the images of a directory of views.

    Args:
        views: directory of the TFRecords, and of their votes.
        recipe: of the training.

    Raises:
        PipelineError: the recipe needs votes, and the train part has none.
    """

    def __init__(self, views: Path, recipe: TrainConfig) -> None:
        self.views, self.recipe = views, recipe
        self.classes = len(ViewsIndex.load(views).data_format.labels)
        if self.of_votes and read_votes(views, "train") is None:
            raise PipelineError(
                f"got target {recipe.target} for a data set without votes, expected votes for its train part: give "
                "them with --votes, or train with --target label"
            )
        self._train: NDArray[np.float32] | None = None

    @property
    def of_votes(self) -> bool:
        """Return whether targets differ from the published labels."""
        return self.recipe.target != "label"

    def of_train(self, order: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the targets of the train images.

        Args:
            order: (images,), each image's position in the written order.

        Returns:
            float32 (images, classes), in this order; rows sum to 1.
        """
        return self._of_train()[order]

    def expected_images(self) -> NDArray[np.float64]:
        """Return how many train images of each class the targets expect: (classes,), they sum to all train images."""
        return self._of_train().sum(axis=0, dtype=np.float64)

    def choices(self, part: str) -> NDArray[np.int64]:
        """Return one class for each image of a part, in written order: the crowd's choice where it voted.

        They choose the best epoch and fit the temperature.

        Returns:
            int64 (images,), indices into the labels.
        """
        judged: Target = "majority" if self.of_votes else "label"
        return self._make(part, self.recipe.model_copy(update={"target": judged})).argmax(axis=1)

    def of_monitored(self) -> NDArray[np.float32]:
        """Return the choices of the monitored part as one-hot rows: float32 (images, classes)."""
        return np.eye(self.classes, dtype=np.float32)[self.choices(self.recipe.monitor)]

    def _of_train(self) -> NDArray[np.float32]:
        if self._train is None:
            self._train = self._make("train", self.recipe)
        return self._train

    def _make(self, part: str, recipe: TrainConfig) -> NDArray[np.float32]:
        labels = read_labels(self.views, part)
        votes = read_votes(self.views, part)
        if votes is None:
            return np.eye(self.classes, dtype=np.float32)[labels]
        if len(votes) != len(labels):
            raise PipelineError(
                f"got votes for {len(votes)} images of {part} in {self.views}, expected {len(labels)}: write the views "
                "again, with --force"
            )
        return make_targets(labels, votes, self.classes, recipe)


def read_labels(views: Path, part: str) -> NDArray[np.int32]:
    """Return the published labels of a part in its written order: int32 (images,)."""
    batches = read_part(views, part, batch_size=READ_IMAGES)
    return np.concatenate([np.asarray(labels) for _, labels in batches])
