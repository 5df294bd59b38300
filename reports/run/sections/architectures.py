"""A variant's architecture as a row of blocks that a reader takes in at a glance."""

from itertools import groupby
from typing import Literal

from pydantic import BaseModel, ConfigDict

from data.records.training import LayerRow

MOST_BLOCKS = 36
"""A network with more layers is drawn with one block for each run of layers of equal output."""

Family = Literal["convolution", "dense", "pooling", "normalising", "other"]

FAMILIES: dict[str, Family] = {
    "conv": "convolution",
    "block": "convolution",
    "dense": "dense",
    "pool": "pooling",
    "norm": "normalising",
    "rescal": "normalising",
    "standard": "normalising",
}


class Block(BaseModel):
    """One block of the drawing: a layer, or a run of layers with the same output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    family: Family
    output: str
    parameters: int
    frozen: bool


def draw_blocks(layers: tuple[LayerRow, ...]) -> list[Block]:
    """Return the blocks of an architecture in order; long ones are drawn a run of equal outputs a block."""
    if len(layers) <= MOST_BLOCKS:
        return [_block([layer]) for layer in layers]
    return [_block(list(run)) for _, run in groupby(layers, key=lambda layer: layer.output)]


def _block(run: list[LayerRow]) -> Block:
    heaviest = max(run, key=lambda layer: layer.parameters)
    parameters = sum(layer.parameters for layer in run)
    return Block(
        title=heaviest.kind if len(run) == 1 else f"{len(run)} layers, {heaviest.kind}",
        family=_family(heaviest.kind),
        output=heaviest.output,
        parameters=parameters,
        frozen=parameters > 0 and not any(layer.trainable and layer.parameters for layer in run),
    )


def _family(kind: str) -> Family:
    for key, family in FAMILIES.items():
        if key in kind.lower():
            return family
    return "other"
