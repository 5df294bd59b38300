"""Report section on the architectures: each variant's layers as a row of blocks, and as a table."""

from itertools import groupby
from typing import Any, Literal

from data.base.record import Record
from data.records.run import RunResults
from data.records.training import LayerRow
from reports.run.sources import ReportSources

ANCHOR, TITLE = "architectures", "Architectures"

MOST_BLOCKS = 36
"""A network with more layers is drawn with one block for each sequence of layers with the same output."""

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


class Block(Record):
    """One block of the drawing: a layer, or a sequence of layers with the same output."""

    title: str
    family: Family
    output: str
    parameters: int
    frozen: bool


def context(results: RunResults, sources: ReportSources) -> dict[str, Any]:
    """Collect what the section's template shows."""
    return {"architectures": [(v, architecture_blocks(v.layers)) for v in results.variants if v.layers]}


def markdown(results: RunResults, sources: ReportSources) -> list[str]:
    """Write nothing: the section is drawings and long tables."""
    return []


def architecture_blocks(layers: tuple[LayerRow, ...]) -> list[Block]:
    """List the blocks of an architecture in order; see `MOST_BLOCKS` for long ones."""
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
