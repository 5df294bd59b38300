"""Memory and GPUs that a training asks for where somebody hands them out, as Kubernetes does."""

from typing import NamedTuple

from models.catalog.variants import Variant


class Needs(NamedTuple):
    """What one training gets for itself."""

    memory_gib: int
    gpus: int
    """0: it is done within minutes on two cores, and leaves the GPUs to others."""


_BY_BUILDERS = {
    "models.networks.compact": Needs(3, 0),
    "models.networks.residual": Needs(4, 1),
    "models.networks.notebook_cnn": Needs(5, 1),
}
"""Module of the builder -> what its networks need: the largest measured peak, 1.0, 1.4 and 2.0 GiB on 48x48 images, 1
GiB for the process that starts the training, and half as much again, rounded.
Source: docs/benchmarks.md, which has the measured peaks."""

_OTHERS = Needs(8, 1)
"""Networks on a pretrained backbone, of which the fine-tuned EfficientNet-Lite0 was measured (2.8 GiB), and a person's
own."""


def needs_of(variant: Variant) -> Needs:
    """Return the memory and the GPUs that the training of a variant asks for.

    Example:
        >>> from models.catalog.variants import find_variant
        >>> needs_of(find_variant("compact"))
        Needs(memory_gib=3, gpus=0)
    """
    return _BY_BUILDERS.get(variant.builder.partition(":")[0], _OTHERS)
