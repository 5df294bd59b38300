"""Backbone weights that are random but lie in files such as Keras publishes, for machines without the real ones.

`python -m tests.support.generated_weights OUT_DIR` writes one file for each backbone that Keras has (170 MB); a run
with `weights_dir` set to OUT_DIR then trains their transfer variants. Their accuracy means nothing.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from models.weights.locate import WEIGHTS_FILES

BACKBONES = {
    "vgg16": keras.applications.VGG16,
    "resnet50v2": keras.applications.ResNet50V2,
    "efficientnetb0": keras.applications.EfficientNetB0,
}
IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION_RGB = (0.229, 0.224, 0.225)


def make_weights(backbone: str, directory: Path, seed: int = 0) -> Path:
    """Write a backbone's random weights under the name that Keras gives the published ones.

    EfficientNet's input statistics are the published ones: they are no learnt weights, yet lie in the same file.
    """
    keras.utils.set_random_seed(seed)
    model = BACKBONES[backbone](weights=None, include_top=False, input_shape=(48, 48, 3))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.array(IMAGENET_MEAN_RGB), np.array(IMAGENET_DEVIATION_RGB), np.array(0)])
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / WEIGHTS_FILES[backbone].name
    model.save(path)
    return path


def main() -> None:
    """Write the weights of all backbones into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="OUT_DIR")
    directory = parser.parse_args().directory
    for backbone in BACKBONES:
        make_weights(backbone, directory)


if __name__ == "__main__":
    main()
