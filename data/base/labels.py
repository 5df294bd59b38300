"""Classes of the data set in their fixed order, its splits, the parts of a run, and the image size."""

CLASSES = ("happy", "neutral", "sad", "surprise")
"""Class names in label order: label i is CLASSES[i]. Alphabetical, as Keras' directory loaders number them."""

SPLITS = ("train", "validation", "test")
"""Splits of a data set: the folders in which it is published."""

PARTS = ("train", "selection", "validation", "test")
"""Parts that a run works with. `selection` is taken from the train split; it chooses epochs and is never reported."""

IMAGE_SIZE = 48
"""Height and width of a face in pixels."""
