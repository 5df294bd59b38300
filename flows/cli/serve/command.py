"""Command `emotion serve`: the champion over HTTP, and its page."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from data.base.errors import PipelineError
from flows.cli.terminal import console

app = typer.Typer()


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
    at_most: Annotated[
        list[str], typer.Option(help="Limit of requests as NAME=VALUE, such as seconds=5 or waiting=100; repeatable.")
    ] = [],  # noqa: B006 - Typer wants a concrete default; never changed
) -> None:
    """Answer on photos over HTTP with the champion, and show a page for it, until Ctrl-C."""
    from flows.settings import load_settings

    settings = load_settings()
    _require_extra()
    from flows.cli.options import parse_choices
    from flows.service import serve_site
    from flows.service.parts import taken_by
    from serving.web.limits import ServeLimits

    limits = parse_choices("--at-most", at_most, ServeLimits)
    token = serve_site.read_token(settings)
    place = serve_site.Place(
        host or settings.host, port or settings.serve_port, [token] if token else [], settings.listed_host_names()
    )
    serve_site.require_safe_place(place)
    if taken := taken_by(place.host, place.port):
        raise PipelineError(f"got port {place.port} on {place.host}, which {taken} has already: choose another --port")
    follower = (
        serve_site.follow_directory(Path(export), limits)
        if export
        else serve_site.follow_registry(settings.workspace, model or settings.serve_model, limits)
    )
    service = serve_site.make_service(follower, limits, Path(log) if log else None, urls)
    serve_site.log_to_stderr()
    console.print(
        f"[bold]Serving at[/] http://{escape(place.host)}:{place.port} "
        f"({'with the token' if token else 'without a token'}); Ctrl-C ends it.",
        highlight=False,
        soft_wrap=True,
    )
    try:
        serve_site.make_server(service, place).run()
    except KeyboardInterrupt:
        console.print("ended")


def _require_extra() -> None:
    """Check that the packages of the extra `serve` are installed.

    Raises:
        PipelineError: one is missing.
    """
    from importlib.util import find_spec

    missing = [name for name in ("onnxruntime", "python_multipart", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise PipelineError(
            f"got no package {', '.join(missing)}, which emotion serve needs: install the extra serve, for example "
            "with pip install 'emotion-retraining[serve]', or run make"
        )
