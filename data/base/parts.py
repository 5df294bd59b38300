"""Splits of a data set, and the parts of a run."""

SPLITS = ("train", "validation", "test")
"""Splits of a data set: the folders in which it is published."""

PARTS = ("train", "selection", "validation", "test")
"""Parts that a run works with. `selection` is taken from the train split; it chooses epochs and is never reported."""
