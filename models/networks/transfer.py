"""Transfer variants: an ImageNet backbone with a new head, each with its own preprocessing.

The notebook's four variants and efficientnet_lite0 have a frozen backbone. The tuned variants have a head of one Dense
layer and train the top of their backbone after the head (Lite0 trains all of it), see `models.training.finetuning`.
Most of them enlarge the image, because ImageNet's backbones divide height and width by 32: 48x48 becomes a map of 2x2,
and 96x96 one of 3x3.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers

from data.base.data_format import DataFormat
from models.networks.building_blocks import as_rgb, make_pixel_input, make_probabilities, scale_to_signed
from models.networks.efficientnet_lite0 import build_lite0_backbone, scale_for_lite0
from models.networks.layers import Backbone, SubtractImagenetMean

ENLARGED_SIZE = 96
"""Least side in pixels of the input of Lite0 and of the tuned ResNet and EfficientNet: smaller images are enlarged."""

ALL_LAYERS = ("",)
"""A name prefix that every layer has."""

LEAKY_SLOPE = 0.1
"""Slope of every LeakyReLU in the notebook."""

IMAGENET_DEVIATION_RGB = (0.229, 0.224, 0.225)
"""Channel deviations of ImageNet in 0..1, as in Keras' EfficientNet."""


def build_vgg16_a(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a convolution and three small Dense layers on VGG16.

    Args:
        data_format: labels of the data set, and shape of its images.
        weights: file with the backbone's weights, from `models.weights.locate.find_weights`; without it the backbone
            has random weights, which is only useful to inspect the architecture.

    Returns:
        Model from pixels (batch, height, width, channels), 0..255, to probabilities (batch, classes), float32.
    """
    pixels = make_pixel_input(data_format.shape)
    features = _vgg16_features(pixels, weights)
    features = layers.Conv2D(64, 3, padding="same", activation="relu")(features)
    features = layers.Flatten()(layers.Dropout(0.25)(features))
    for width in (64, 32, 16):
        features = layers.Dense(width, activation="relu")(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name="vgg16_a")


def build_vgg16_b(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build global pooling and six Dense layers on VGG16; arguments and result like `build_vgg16_a`."""
    pixels = make_pixel_input(data_format.shape)
    features = layers.GlobalAveragePooling2D()(_vgg16_features(pixels, weights))
    features = layers.Flatten()(layers.LeakyReLU(LEAKY_SLOPE)(features))
    features = _leaky_dense(features, 512, dropout=0.2)
    features = layers.BatchNormalization()(features)
    features = _leaky_dense(features, 256)
    features = _leaky_dense(features, 64, dropout=0.2)
    features = _leaky_dense(features, 32, dropout=0.2)
    features = layers.Dense(16, activation="relu")(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name="vgg16_b")


def build_resnet50v2(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build four Dense layers with BatchNorm on ResNet50V2; arguments and result like `build_vgg16_a`."""
    pixels = make_pixel_input(data_format.shape)
    backbone = keras.applications.ResNet50V2(**_backbone_options(weights, pixels), name="resnet50v2")
    signed = as_rgb(scale_to_signed()(pixels))
    features = layers.Flatten()(_call_frozen(backbone, signed))
    features = layers.BatchNormalization()(features)
    features = _leaky_dense(features, 256, dropout=0.2)
    features = layers.BatchNormalization()(features)
    features = _leaky_dense(features, 128, dropout=0.2)
    features = layers.BatchNormalization()(features)
    features = _leaky_dense(features, 64)
    features = _leaky_dense(features, 64, dropout=0.2)
    features = layers.BatchNormalization()(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name="resnet50v2")


def build_efficientnetb0(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build global pooling and one Dense layer on EfficientNetB0; arguments and result like `build_vgg16_a`.

    The backbone contains the rescaling, so its input is 0..255.
    """
    pixels = make_pixel_input(data_format.shape)
    rgb = as_rgb(pixels)
    features = _call_frozen(_efficientnetb0_backbone(weights, rgb), rgb)
    features = layers.GlobalAveragePooling2D()(features)
    features = layers.Dense(256, activation="relu")(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name="efficientnetb0")


def build_efficientnet_lite0(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build global pooling and two Dense layers on EfficientNet-Lite0 at 96x96; otherwise like `build_vgg16_a`."""
    pixels = make_pixel_input(data_format.shape)
    scaled = _prepare_for_lite0(pixels)
    backbone = build_lite0_backbone(weights, _shape(scaled))
    features = layers.GlobalAveragePooling2D()(_call_frozen(backbone, scaled))
    features = layers.Dense(256, activation="relu")(layers.Dropout(0.2)(features))
    features = layers.Dropout(0.2)(features)
    return keras.Model(pixels, make_probabilities(data_format)(features), name="efficientnet_lite0")


def build_vgg16_tuned(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a head on VGG16 with trainable fourth and fifth blocks; arguments and result like `build_vgg16_a`.

    The image is not enlarged, because VGG16's convolutions at 96x96 would cost four times as much.

    Source: Chollet, "Building powerful image classification models using very little data", 2016, which trains the
    fifth block; for faces of 48x48 the fourth block still has a map of 6x6.
    """
    pixels = make_pixel_input(data_format.shape)
    rgb = as_rgb(pixels)
    backbone = keras.applications.VGG16(**_backbone_options(weights, rgb), name="vgg16")
    features = _call_tuned(backbone, ("block4", "block5"), SubtractImagenetMean(name="subtract_imagenet_mean")(rgb))
    return keras.Model(pixels, _tuned_head(data_format, features), name="vgg16_tuned")


def build_resnet50v2_tuned(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a head on ResNet50V2 at 96x96 with a trainable last stage; otherwise like `build_vgg16_a`."""
    pixels = make_pixel_input(data_format.shape)
    signed = as_rgb(scale_to_signed()(_enlarge(pixels)))
    backbone = keras.applications.ResNet50V2(**_backbone_options(weights, signed), name="resnet50v2")
    return keras.Model(
        pixels, _tuned_head(data_format, _call_tuned(backbone, ("conv5",), signed)), name="resnet50v2_tuned"
    )


def build_efficientnetb0_tuned(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a head on EfficientNetB0 at 96x96 with trainable last two stages; otherwise like `build_vgg16_a`."""
    pixels = make_pixel_input(data_format.shape)
    rgb = as_rgb(_enlarge(pixels))
    backbone = _efficientnetb0_backbone(weights, rgb)
    features = _call_tuned(backbone, ("block6", "block7", "top"), rgb)
    return keras.Model(pixels, _tuned_head(data_format, features), name="efficientnetb0_tuned")


def build_efficientnet_lite0_tuned(data_format: DataFormat, weights: Path | None = None) -> keras.Model:
    """Build a head on EfficientNet-Lite0 at 96x96, which is trainable as a whole; otherwise like `build_vgg16_a`.

    The lower blocks have few weights, but ImageNet's photographs are sharper than a face enlarged from 48x48. Training
    these blocks too gained a percentage point, see docs/recipes.md.
    """
    pixels = make_pixel_input(data_format.shape)
    scaled = _prepare_for_lite0(pixels)
    backbone = build_lite0_backbone(weights, _shape(scaled))
    features = _call_tuned(backbone, ALL_LAYERS, scaled)
    return keras.Model(pixels, _tuned_head(data_format, features), name="efficientnet_lite0_tuned")


def _backbone_options(weights: Path | None, images: keras.KerasTensor) -> dict[str, Any]:
    return {"weights": str(weights) if weights else None, "include_top": False, "input_shape": _shape(images)}


def _shape(images: keras.KerasTensor) -> tuple[int, int, int]:
    """Return height, width and 3 channels of the input of a backbone for these images."""
    height, width = images.shape[1:3]
    return height, width, 3


def _enlarge(pixels: keras.KerasTensor) -> keras.KerasTensor:
    height, width = (max(side, ENLARGED_SIZE) for side in pixels.shape[1:3])
    if (height, width) == pixels.shape[1:3]:
        return pixels
    return layers.Resizing(height, width, dtype="float32", name="enlarge")(pixels)


def _prepare_for_lite0(pixels: keras.KerasTensor) -> keras.KerasTensor:
    return as_rgb(scale_for_lite0()(_enlarge(pixels)))


def _tuned_head(data_format: DataFormat, features: keras.KerasTensor) -> keras.KerasTensor:
    """Return probabilities from pooled features; the head has few weights because the backbone is trained too."""
    features = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(features))
    features = layers.Dense(128, activation="relu")(features)
    return make_probabilities(data_format)(layers.Dropout(0.3)(features))


def _vgg16_features(pixels: keras.KerasTensor, weights: Path | None) -> keras.KerasTensor:
    rgb = as_rgb(pixels)
    backbone = keras.applications.VGG16(**_backbone_options(weights, rgb), name="vgg16")
    return _call_frozen(backbone, SubtractImagenetMean(name="subtract_imagenet_mean")(rgb))


def _efficientnetb0_backbone(weights: Path | None, images: keras.KerasTensor) -> keras.Model:
    """Build EfficientNetB0 as Keras builds it for `weights="imagenet"`.

    Keras omits one rescaling if weights come from a file, although the published weights need it: after the
    Normalization layer, the input is also divided by the root of ImageNet's deviations.
    """
    backbone = keras.applications.EfficientNetB0(**_backbone_options(None, images), name="efficientnetb0")
    rescaling = layers.Rescaling([deviation**-0.5 for deviation in IMAGENET_DEVIATION_RGB], name="imagenet_rescaling")

    def call_layer(layer: layers.Layer, *inputs: Any, **options: Any) -> Any:
        output = layer(*inputs, **options)
        return rescaling(output) if isinstance(layer, layers.Normalization) else output

    rescaled = keras.models.clone_model(backbone, call_function=call_layer)
    if weights:
        rescaled.load_weights(weights)
    return rescaled


def _call_frozen(backbone: keras.Model, pixels: keras.KerasTensor) -> keras.KerasTensor:
    backbone.trainable = False
    return Backbone(backbone, name=f"{backbone.name}_backbone")(pixels)


def _call_tuned(backbone: keras.Model, trained: tuple[str, ...], pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Call a backbone in which the layers with these name prefixes are trainable, except BatchNorms.

    A BatchNorm in inference mode is a fixed scale and shift. Training it with small batches would remove its benefit.
    """
    for layer in backbone.layers:
        layer.trainable = layer.name.startswith(trained) and not isinstance(layer, layers.BatchNormalization)
    return Backbone(backbone, name=f"{backbone.name}_backbone")(pixels)


def _leaky_dense(features: keras.KerasTensor, width: int, dropout: float = 0) -> keras.KerasTensor:
    features = layers.Dense(width, activation="relu")(features)
    features = layers.LeakyReLU(LEAKY_SLOPE)(features)
    return layers.Dropout(dropout)(features) if dropout else features
