"""Options of `emotion review`; it imports what it needs by itself, so that help appears at once."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def review(
    host: Annotated[str, typer.Option(help="Address to listen on; another one than 127.0.0.1 needs a token.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes that of EMOTION_REVIEW_PORT.")] = 0,
    export: Annotated[
        str,
        typer.Option(
            help="Folder for the results: relabel.csv, votes.csv, Label Studio's JSON and CSV. Shows no page."
        ),
    ] = "",
    file: Annotated[
        str,
        typer.Option(
            "--import", help="Answers of another tool: Label Studio's JSON or CSV, or a CSV of votes. Shows no page."
        ),
    ] = "",
    reviewer: Annotated[str, typer.Option(help="Name of the person whose answers --import adds.")] = "",
) -> None:
    """Show a page on which people correct labels that the last audit doubts, until Ctrl-C."""
    from flows.cli.review.page_and_files import ReviewRequest, review_labels

    review_labels(ReviewRequest(host, port, export, file, reviewer))
