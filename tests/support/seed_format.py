"""Labels and size of the seed's format, which most tests work with."""

from data.base.data_format import SEED_FORMAT

CLASSES, IMAGE_SIZE = SEED_FORMAT.labels, SEED_FORMAT.height
