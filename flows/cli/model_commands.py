"""Commands `emotion models`: versions of the model, and the champion; model_versions has what they do."""

from typing import Annotated

import typer

app = typer.Typer(help="Versions of the model: list, show, promote, roll back.", no_args_is_help=True)

ModelOption = Annotated[
    str, typer.Option(help="Name of the registered model: each format of data sets has its own, see list.")
]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record of moves.")]


@app.command("list")
def list_models() -> None:
    """List the versions of each model and the last moves of its champion."""
    from flows.cli.model_versions import print_versions

    print_versions()


@app.command()
def show(
    version: Annotated[str, typer.Argument(help="A number, champion, or challenger.")] = "champion",
    model: ModelOption = "emotion",
) -> None:
    """Show the origin of a version, the decision on it, and when it was champion."""
    from flows.cli.model_versions import print_version

    print_version(version, model)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="A number, or challenger.")],
    reason: ReasonOption = "approved by hand",
    model: ModelOption = "emotion",
) -> None:
    """Make a version the champion, which consumers of the model get from now on."""
    from flows.cli.model_versions import promote_version

    promote_version(version, reason, model)


@app.command()
def rollback(reason: ReasonOption = "rolled back by hand", model: ModelOption = "emotion") -> None:
    """Make the previous champion the champion again; a second rollback goes further back."""
    from flows.cli.model_versions import roll_back

    roll_back(reason, model)
