"""A saved network with a layer of the project's own, made in a second."""

from pathlib import Path

import keras

from data.base.data_format import SEED_FORMAT
from models.networks.building_blocks import make_pixel_input, make_probabilities
from models.networks.layers import StandardizeImages


def save_tiny_network(path: Path) -> keras.Model:
    """Save an untrained network of one convolution; the same weights every time."""
    keras.utils.set_random_seed(1)
    pixels = make_pixel_input(SEED_FORMAT.shape)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(StandardizeImages()(pixels)))
    model = keras.Model(pixels, make_probabilities(SEED_FORMAT)(features))
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return model
