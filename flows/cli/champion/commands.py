"""Options of the commands that use the champion; each imports what it needs by itself, so that help appears at once."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE", help="Photos, folders, patterns such as '2024/*.jpg', addresses of images, videos."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Version: a number, champion or challenger; of another registered model than emotion: NAME or "
            "NAME/VERSION, see emotion models list."
        ),
    ] = "champion",
    export: Annotated[str, typer.Option(help="Directory of an export, instead of a registered model.")] = "",
    faces: Annotated[
        str,
        typer.Option(
            help="find: look for faces; given: each picture is a cropped face; auto: given for pictures of exactly "
            "the network's size."
        ),
    ] = "auto",
    every: Annotated[float, typer.Option(help="Seconds between two frames of a video.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a photo instead of the table.")] = False,
    csv: Annotated[str, typer.Option(help="CSV to write, one row a face; - prints it instead of the table.")] = "",
    out: Annotated[str, typer.Option(help="New or empty folder for the photos with their answers drawn on them.")] = "",
) -> None:
    """Name the expressions on photos, with their certainty, by the champion or another network.

    The exit status is 0 if every photo was read, 3 if some were not, and 1 if none was.
    """
    from flows.cli.champion.predict import answer_sources, load_predictor
    from flows.cli.champion.predict_outputs import OutputChoice
    from flows.steps.photos import check_mode

    predictor = load_predictor(model, export, check_mode(faces))
    status = answer_sources(predictor, sources, every, OutputChoice(json, csv, out))
    if status:
        raise typer.Exit(status)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; another one than 127.0.0.1 needs a token.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes that of EMOTION_SERVE_PORT.")] = 0,
    model: Annotated[str, typer.Option(help="Name of the registered model whose champion answers.")] = "",
    export: Annotated[str, typer.Option(help="Directory of an export that answers instead of the champion.")] = "",
    log: Annotated[str, typer.Option(help="File for a line an image: its checksum and probabilities, no pixels.")] = "",
    urls: Annotated[
        bool, typer.Option("--urls", help="Also fetch images from the public addresses that a request names.")
    ] = False,
    feedback: Annotated[
        bool,
        typer.Option("--feedback", help="Let users call an answer wrong: the face and the right answer are stored."),
    ] = False,
    at_most: Annotated[
        list[str], typer.Option(help="Limit of requests as NAME=VALUE, such as seconds=5 or waiting=100; repeatable.")
    ] = [],  # noqa: B006 - Typer wants a concrete default; never changed
) -> None:
    """Answer on photos over HTTP with the champion, and show a page for it, until Ctrl-C."""
    from flows.cli.champion.serve import ServeRequest, serve_champion

    serve_champion(ServeRequest(host, port, model, export, log, urls, feedback, at_most))


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
    from flows.cli.champion.export import export_network

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
    from flows.cli.champion.score import ScoreRequest, score_and_print

    score_and_print(ScoreRequest(photos, out, faces, model, export_directory, again))
