"""Web service of the champion as a child command: `python -m flows.service.serve_site HOST PORT WORKSPACE`.

`emotion serve` starts the same service in its own process. What it answers is in `serving.web`; here is where it
listens, whom it answers, and where the champion comes from.
"""

import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import uvicorn

from data.base.errors import PipelineError
from data.photos.reading import PhotoLimits
from data.review.feedback import FeedbackLimits, FeedbackStore
from data.workspace.mark import claim_root
from flows.server.connections import make_impatient_server
from flows.server.environment import LOOPBACK
from flows.server.gate import guard
from flows.server.password import server_login
from flows.settings import PREFIX, Settings, load_settings, name_variable
from models.registry.connection import MODEL_NAME
from serving.web.app import Service, create_app
from serving.web.champion import ChampionFollower, Found
from serving.web.limits import ServeLimits
from serving.web.prediction_log import PredictionLog
from serving.web.token import TokenGate

if TYPE_CHECKING:
    from serving.predictor import Predictor

HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
OPEN_PATHS = ("/health",)
"""Answered without a token: what watches the service needs none, and this says no more than the version."""

STOP_SECONDS = 5
WARM_UP_SIDE = 320
"""Side of a picture in which faces are looked for; not that of a network's images, which are faces already."""

LEAST_TOKEN = 12
"""Characters of a token: a shorter one can be guessed."""


class Place(NamedTuple):
    """Where the service listens, and whom it answers."""

    host: str
    port: int
    secrets: Sequence[str] = ()
    """Any of them opens; none: everybody who can reach the address gets answers."""
    names: Sequence[str] = ()
    """Host names by which it may be reached, besides its address."""


def make_server(service: Service, place: Place) -> uvicorn.Server:
    """Return the server of the service; its `run` serves until it is told to stop."""
    app = guard(TokenGate(create_app(service), place.secrets, OPEN_PATHS), place.host, place.names)
    return make_impatient_server(app, place.host, place.port, HEADERS, STOP_SECONDS)


def follow_registry(workspace: Path, model: str = MODEL_NAME, limits: ServeLimits = ServeLimits()) -> ChampionFollower:
    """Return the follower of the champion of a workspace's registry.

    Args:
        workspace: contains the exports, and the registry unless MLFLOW_TRACKING_URI names another one.
        model: name of the registered model.
        limits: of images.
    """
    from models.export.find import champion_export

    return ChampionFollower(model, lambda: Found(*champion_export(workspace, model)), partial(load_predictor, limits))


def follow_directory(export: Path, limits: ServeLimits = ServeLimits()) -> ChampionFollower:
    """Return a follower that always answers with one exported network, without a registry."""
    name = export.resolve().name
    return ChampionFollower(name, lambda: Found(1, export), lambda path, _: load_predictor(limits, path, name))


def load_predictor(limits: ServeLimits, export: Path, version: str) -> "Predictor":
    """Load the predictor of an exported network, and let it answer once: the first answer imports and prepares much."""
    from serving.predictor import Predictor

    predictor = Predictor.load(
        export, version=version, limits=PhotoLimits(max_bytes=limits.body_bytes, max_pixels=limits.pixels)
    )
    data_format = predictor.bundle.data_format
    for height, width in ((data_format.height, data_format.width), (WARM_UP_SIDE, WARM_UP_SIDE)):
        predictor.predict_image(np.zeros((height, width, 3), np.uint8))
    return predictor


def read_token(settings: Settings, name: str = "serve_token") -> str:
    """Return the token of a setting such as EMOTION_SERVE_TOKEN, or of the file that EMOTION_SERVE_TOKEN_FILE names.

    Args:
        settings: of this installation.
        name: of the setting.

    Returns:
        The token; empty for none.

    Raises:
        PipelineError: the file cannot be read, or the token is too short.
    """
    token, file = getattr(settings, name).get_secret_value(), getattr(settings, f"{name}_file")
    variable = name_variable(name)
    if not token and file:
        variable = f"{variable}_FILE"
        try:
            token = file.read_text(encoding="utf-8").strip() or "-"
        except (OSError, UnicodeDecodeError) as error:
            raise PipelineError(
                f"got {variable}={file}, which cannot be read ({error}), expected a file with the token: correct the "
                "path"
            ) from error
    if token and len(token) < LEAST_TOKEN:
        raise PipelineError(
            f"got {variable} with {len(token)} characters, expected at least {LEAST_TOKEN}: for example the output of "
            "openssl rand -hex 24"
        )
    return token


def require_safe_place(place: Place, variable: str = f"{PREFIX}SERVE_TOKEN") -> None:
    """Check that a service that others can reach asks for a token.

    Args:
        place: where it listens.
        variable: in which its token is set.

    Raises:
        PipelineError: it asks for none.
    """
    if place.host not in (LOOPBACK, "localhost", "::1") and not place.secrets:
        raise PipelineError(
            f"got the address {place.host}, which other machines can reach, and no token: set {variable}, or "
            f"serve on {LOOPBACK}"
        )


def log_to_stderr() -> None:
    """Log the moves of the champion, and what goes wrong."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("serving").setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a broken form gets its answer, and no line


def make_service(
    follower: ChampionFollower,
    limits: ServeLimits,
    log: Path | None = None,
    may_fetch: bool = False,
    feedback: FeedbackStore | None = None,
) -> Service:
    """Return the service.

    Args:
        follower: has the champion.
        limits: of requests.
        log: file in which answers are written down; None for nowhere.
        may_fetch: whether images are fetched from addresses that a request names.
        feedback: where answers of users are stored; None for nowhere.
    """
    return Service(follower, limits, PredictionLog(log) if log else None, may_fetch, feedback)


def open_feedback(settings: Settings, wanted: bool = False) -> FeedbackStore | None:
    """Return where answers of users are stored; None unless the settings or a command ask for it.

    Args:
        settings: of this installation.
        wanted: by a command.

    Raises:
        PipelineError: the workspace cannot be made.
    """
    if not (wanted or settings.feedback):
        return None
    claim_root(settings.workspace.resolve())
    limits = FeedbackLimits(pictures=settings.feedback_pictures, total_bytes=settings.feedback_bytes)
    return FeedbackStore(settings.workspace.resolve(), limits)


def main() -> None:
    """Serve until told to stop; it asks for the password of the workspace, or for the token."""
    host, port, workspace = sys.argv[1:]
    log_to_stderr()
    settings = load_settings()
    secrets = [server_login(settings, Path(workspace)), read_token(settings)]
    place = Place(host, int(port), [one for one in secrets if one], settings.listed_host_names())
    follower = follow_registry(Path(workspace), settings.serve_model)
    service = make_service(follower, ServeLimits(), feedback=open_feedback(settings))
    make_server(service, place).run()


if __name__ == "__main__":
    main()
