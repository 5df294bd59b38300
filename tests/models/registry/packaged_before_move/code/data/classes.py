"""The vocabulary of the data set: its classes in their one order, its splits and its image size."""

CLASSES = ("happy", "neutral", "sad", "surprise")
"""Class names in label order: label i is CLASSES[i]. Alphabetical, as Keras' directory loaders number them."""

SPLITS = ("train", "validation", "test")
"""The folders a data set is published in."""

PARTS = ("train", "selection", "validation", "test")
"""What a run works with: `selection` is carved from the train split and chooses epochs, never scores."""

IMAGE_SIZE = 48
"""Height and width of a face in pixels."""
