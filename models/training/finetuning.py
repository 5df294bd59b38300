"""Training a pretrained network in two phases: its new head alone, then its backbone's top or all of it too, slowly.

The gradients of an untrained head are large and of no use to a backbone, which they would make forget. The statistics
of its BatchNorms stay as published in both phases, see `models.networks.layers.Backbone`.

Source: Chollet, "Transfer learning & fine-tuning" (Keras developer guide, 2020); Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", 2022, for training the head before the rest.
"""

from typing import Any

import keras

from models.networks.layers import Backbone


class TunedBackbone:
    """The layers of a backbone that its builder left trainable.

    Args:
        model: with that backbone as one of its layers.
    """

    def __init__(self, model: keras.Model) -> None:
        networks: list[Any] = [layer.layer for layer in model.layers if isinstance(layer, Backbone)]
        self.layers = [layer for network in networks for layer in network.layers if layer.trainable_weights]

    def __bool__(self) -> bool:
        return bool(self.layers)

    def train(self, trained: bool) -> None:
        """Train these layers from the next compilation on, or keep them as they are."""
        for layer in self.layers:
            layer.trainable = trained
