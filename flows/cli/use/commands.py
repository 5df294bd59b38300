"""Commands of `emotion` that use a network; each imports what it needs by itself, so that help appears at once."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def export(
    version: Annotated[
        str, typer.Argument(help="A number of emotion models list, champion, or challenger.")
    ] = "champion",
    run: Annotated[
        str, typer.Option(help="Export a training instead: its key, or the name of a variant for its last training.")
    ] = "",
    to: Annotated[Path | None, typer.Option(help="New directory to copy the files into.")] = None,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format", help="Only this one; may be repeated: saved_model, onnx, litert or litert_int8. Default: all."
        ),
    ] = [],  # noqa: B006 - never changed
    model: Annotated[
        str, typer.Option(help="Name of the registered model: each format of data sets has its own.")
    ] = "emotion",
) -> None:
    """Write a network as SavedModel, ONNX and LiteRT, and compare each with it; the champion by default."""
    from flows.cli.use.export_command import export_network

    export_network(version, run, model, to, formats)
