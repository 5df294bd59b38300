"""Command `emotion predict`: photos, folders, addresses and videos in, expressions with their certainty out."""

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
    from flows.cli.predict.answering import answer_sources, load_predictor
    from flows.cli.predict.outputs import OutputChoice
    from flows.steps.photos import check_mode

    predictor = load_predictor(model, export, check_mode(faces))
    status = answer_sources(predictor, sources, every, OutputChoice(json, csv, out))
    if status:
        raise typer.Exit(status)
