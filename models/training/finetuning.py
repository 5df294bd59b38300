"""Fine-tuning in two phases: the new head alone, then the backbone (its top or all of it) at a low learning rate.

The gradients of an untrained head are large and would destroy what the backbone has learnt. The BatchNorm statistics of
the backbone stay as published in both phases, see `models.networks.layers.Backbone`.

Source: Chollet, "Transfer learning & fine-tuning" (Keras developer guide, 2020); Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", 2022, for training the head before the rest.
"""

from typing import Any

import keras

from models.networks.layers import Backbone


class TunedBackbone:
    """The trainable layers of a network's backbone; false if the network has none.

    Args:
        model: as its builder returns it, with or without a backbone.
    """

    def __init__(self, model: keras.Model) -> None:
        networks: list[Any] = [layer.layer for layer in model.layers if isinstance(layer, Backbone)]
        self.layers = [layer for network in networks for layer in network.layers if layer.trainable_weights]

    def __bool__(self) -> bool:
        return bool(self.layers)

    def train(self, trained: bool) -> None:
        """Make these layers trainable or not, from the next compilation on."""
        for layer in self.layers:
            layer.trainable = trained
