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


@app.command()
def score(
    photos: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Photos: a folder, a zip or tar, a list of paths or addresses (.txt or .csv), a pattern, or the "
            "address of an image.",
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for a copy of the table and the page.")] = "",
    faces: Annotated[
        str,
        typer.Option(
            help="find: look for faces; given: each is a cropped face; auto: given for pictures of the network's size."
        ),
    ] = "auto",
    model: Annotated[
        str,
        typer.Option(
            help="Version: champion, challenger or a number; of another registered model than emotion: NAME or "
            "NAME/VERSION."
        ),
    ] = "champion",
    export_directory: Annotated[
        str, typer.Option("--export", help="Directory of an export, instead of a registered model.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Score all photos again; otherwise those that are new or changed.")
    ] = False,
) -> None:
    """Score photos that are new or changed since the last time, by the champion; all scores are kept as a table."""
    from flows.cli.use.score_command import ScoreRequest, score_and_print

    score_and_print(ScoreRequest(photos, out, faces, model, export_directory, again))
