"""What `emotion serve` does: the champion over HTTP, and its page."""

from pathlib import Path
from typing import NamedTuple

from rich.markup import escape

from data.base.errors import PipelineError
from flows.cli.terminal import console


class ServeRequest(NamedTuple):
    """Options of the command, as they were given."""

    host: str
    port: int
    model: str
    export: str
    log: str
    urls: bool
    feedback: bool
    at_most: list[str]


def serve_champion(request: ServeRequest) -> None:
    """Answer on photos until Ctrl-C.

    Args:
        request: where and with what.

    Raises:
        PipelineError: the extra is not installed, the port is taken, the address needs a token, or there is no model.
    """
    from flows.settings import load_settings

    settings = load_settings()
    _require_extra()
    from flows.cli.options import parse_choices
    from flows.service import serve_site
    from flows.service.parts import taken_by
    from serving.web.limits import ServeLimits

    limits = parse_choices("--at-most", request.at_most, ServeLimits)
    token = serve_site.read_token(settings)
    place = serve_site.Place(
        request.host or settings.host,
        request.port or settings.serve_port,
        [token] if token else [],
        settings.listed_host_names(),
    )
    serve_site.require_safe_place(place)
    if taken := taken_by(place.host, place.port):
        raise PipelineError(f"got port {place.port} on {place.host}, which {taken} has already: choose another --port")
    follower = (
        serve_site.follow_directory(Path(request.export), limits)
        if request.export
        else serve_site.follow_registry(settings.workspace, request.model or settings.serve_model, limits)
    )
    feedback = serve_site.open_feedback(settings, request.feedback)
    log = Path(request.log) if request.log else None
    service = serve_site.make_service(follower, limits, log, request.urls, feedback)
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
