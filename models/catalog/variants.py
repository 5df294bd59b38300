"""Table of the variants: description, builder and the notebook's published figures of each network.

To add a variant of the project, write its builder in `models.networks`, add one row to the table below and name the
variant in a preset. Everything else reads the table. A network of somebody else needs no row: it is named by its
builder, module:function, or by an entry point of the group `ENTRY_POINTS`.
"""

import re
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from data.records.training import PublishedFigures


class Variant(Record):
    """One network that a run can train."""

    name: str = Field(description="the key of the table")
    description: str = Field(description="one sentence for the report")
    builder: str = Field(pattern=r"^[\w.]+:\w+$", description="module:function that builds the model")
    published: PublishedFigures | None = Field(default=None, description="what the notebook reported, if it had it")
    pretrained: bool = Field(default=False, description="needs ImageNet weights, and is skipped without them")
    backbone: str = Field(
        default="", description="key of models.weights.locate.WEIGHTS_FILES, for a pretrained variant"
    )
    augmented: bool = Field(default=True, description="False: trained on the original images alone, in every preset")
    reference_rank: int = Field(default=100, description="the lowest is what pretrained variants are compared with")


_ALL = (
    Variant(
        name="light",
        description="compact with half the filters: two sevenths of its work, for small devices and first looks.",
        builder="models.networks.compact:build_light",
        reference_rank=4,
    ),
    Variant(
        name="light_rgb",
        description="The network of light on the gray image stacked to RGB.",
        builder="models.networks.compact:build_light_rgb",
    ),
    Variant(
        name="light_plain",
        description="The network of light, trained without augmentation.",
        builder="models.networks.compact:build_light",
        augmented=False,
    ),
    Variant(
        name="light_shallow",
        description="The network of light with one convolution in each stage instead of two.",
        builder="models.networks.compact:build_light_shallow",
    ),
    Variant(
        name="compact",
        description="BatchNorm CNN made for 48x48 gray faces and a CPU, on images standardised one by one.",
        builder="models.networks.compact:build_compact",
        reference_rank=1,
    ),
    Variant(
        name="residual",
        description="Pre-activation residual CNN, six times the work of compact, for runs that may take an hour.",
        builder="models.networks.residual:build_residual",
        reference_rank=3,
    ),
    Variant(
        name="efficientnet_lite0",
        description="Frozen EfficientNet-Lite0 from ImageNet on the face enlarged to 96x96, under one Dense layer.",
        builder="models.networks.transfer:build_efficientnet_lite0",
        pretrained=True,
        backbone="efficientnet_lite0",
    ),
    Variant(
        name="cnn_gray",
        description="Three convolutions (256, 64, 32) on the gray image.",
        builder="models.networks.notebook_cnn:build_cnn_gray",
        published=PublishedFigures(train=0.61, validation=0.6956, test=0.6797),
        reference_rank=6,
    ),
    Variant(
        name="cnn_rgb",
        description="The network of cnn_gray on the gray image stacked to RGB.",
        builder="models.networks.notebook_cnn:build_cnn_rgb",
        published=PublishedFigures(train=0.60, validation=0.6936, test=0.7266),
        reference_rank=5,
    ),
    Variant(
        name="cnn_2",
        description="Three 3x3 convolutions (256, 64, 32), two of them at full resolution, with one BatchNorm.",
        builder="models.networks.notebook_cnn:build_cnn_2",
        published=PublishedFigures(train=0.62, validation=0.6815, test=0.6562),
        reference_rank=7,
    ),
    Variant(
        name="cnn_3",
        description="Five 3x3 convolutions (256, 64, 64, 32, 32) with a single pooling; the notebook's best.",
        builder="models.networks.notebook_cnn:build_cnn_3",
        published=PublishedFigures(train=0.69, validation=0.7292, test=0.7344),
        reference_rank=2,
    ),
    Variant(
        name="vgg16_a",
        description="Frozen VGG16 from ImageNet under one convolution and three small Dense layers.",
        builder="models.networks.transfer:build_vgg16_a",
        published=PublishedFigures(train=0.47, validation=0.5312, test=0.4844),
        pretrained=True,
        backbone="vgg16",
    ),
    Variant(
        name="vgg16_b",
        description="Frozen VGG16 from ImageNet under global pooling and six Dense layers.",
        builder="models.networks.transfer:build_vgg16_b",
        published=PublishedFigures(train=0.42, validation=0.4704, test=0.7031),
        pretrained=True,
        backbone="vgg16",
    ),
    Variant(
        name="resnet50v2",
        description="Frozen ResNet50V2 from ImageNet under four Dense layers with BatchNorm.",
        builder="models.networks.transfer:build_resnet50v2",
        published=PublishedFigures(train=0.52, validation=0.5684, test=0.5469),
        pretrained=True,
        backbone="resnet50v2",
    ),
    Variant(
        name="efficientnetb0",
        description="Frozen EfficientNetB0 from ImageNet under global pooling and one Dense layer.",
        builder="models.networks.transfer:build_efficientnetb0",
        published=PublishedFigures(train=0.27, validation=0.3667, test=0.25),
        pretrained=True,
        backbone="efficientnetb0",
    ),
    Variant(
        name="vgg16_tuned",
        description="VGG16 from ImageNet, its last two blocks trained after the head, at a low rate.",
        builder="models.networks.transfer:build_vgg16_tuned",
        pretrained=True,
        backbone="vgg16",
    ),
    Variant(
        name="resnet50v2_tuned",
        description="ResNet50V2 from ImageNet on images enlarged to 96x96, its last stage trained after the head.",
        builder="models.networks.transfer:build_resnet50v2_tuned",
        pretrained=True,
        backbone="resnet50v2",
    ),
    Variant(
        name="efficientnetb0_tuned",
        description="EfficientNetB0 from ImageNet on images enlarged to 96x96, its top trained after the head.",
        builder="models.networks.transfer:build_efficientnetb0_tuned",
        pretrained=True,
        backbone="efficientnetb0",
    ),
    Variant(
        name="efficientnet_lite0_tuned",
        description="EfficientNet-Lite0 from ImageNet on images enlarged to 96x96, all of it trained after the head.",
        builder="models.networks.transfer:build_efficientnet_lite0_tuned",
        pretrained=True,
        backbone="efficientnet_lite0",
    ),
)

VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _ALL}
"""Every variant by name: the project's own first, then the notebook's eight, then fine-tuned backbones."""

ENTRY_POINTS = "emotion.variants"
"""Group of entry points with which an installed package adds variants: name = module:function."""

BUILDER = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"

if TYPE_CHECKING:
    VariantName: TypeAlias = str
else:
    VariantName = Literal[tuple(VARIANTS)]
"""Type of a flow's parameter that names a variant: the forms offer the keys of `VARIANTS` as its choices."""

OwnVariantName: TypeAlias = Annotated[str, Field(pattern=r"^[\w.:-]+$", max_length=200)]
"""Type of a flow's parameter that names a network of somebody else, see `find_variant`."""


def find_variant(name: str) -> Variant:
    """Look up a variant by its name.

    Args:
        name: a key of `VARIANTS`, module:function of a network of somebody else, or the name of an entry point.

    Raises:
        PipelineError: there is no such variant, or its module cannot be found.

    Example:
        >>> variant = find_variant("compact")
        >>> variant.builder
        'models.networks.compact:build_compact'
        >>> variant.pretrained
        False
    """
    if name in VARIANTS:
        return VARIANTS[name]
    if re.match(BUILDER, name):
        return _make_variant(name.partition(":")[2], name)
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return _make_variant(name, point.value)
    raise PipelineError(
        f"Got variant {name!r}; expected one of {', '.join(VARIANTS)}, module:function of your own, or the name of an "
        f"entry point of the group {ENTRY_POINTS}."
    )


def _make_variant(name: str, builder: str) -> Variant:
    """Make the variant of a network that is not in the table.

    Raises:
        PipelineError: the table has its name, or its module cannot be found.
    """
    if name in VARIANTS:
        raise PipelineError(
            f"Got {builder}, whose name {name} is that of a variant of the project; rename the function."
        )
    try:
        found = find_spec(builder.partition(":")[0])
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise PipelineError(
            f"Got {builder}, whose module cannot be found; install its package into this environment, or put its "
            "folder into PYTHONPATH, such as PYTHONPATH=. for the current one."
        )
    return Variant(name=name, description=f"A network of your own, {builder}.", builder=builder)
