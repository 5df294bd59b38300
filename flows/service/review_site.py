"""Page on which people review labels, as a child command: `python -m flows.service.review_site HOST PORT WORKSPACE`.

`emotion review` starts the same page in its own process. What it answers is in `serving.review`.
"""

import sys
from pathlib import Path

import uvicorn

from flows.server.connections import make_impatient_server
from flows.server.gate import guard
from flows.server.password import server_login
from flows.service.serve_site import Place, log_to_stderr, read_token
from flows.settings import load_settings
from serving.review.app import create_app
from serving.review.desk import Desk
from serving.web.token import TokenGate

HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
OPEN_PATHS = ("/health",)
STOP_SECONDS = 5


def make_server(desk: Desk, place: Place) -> uvicorn.Server:
    """Return the server of the page; its `run` serves until it is told to stop."""
    app = guard(TokenGate(create_app(desk), place.secrets, OPEN_PATHS), place.host, place.names)
    return make_impatient_server(app, place.host, place.port, HEADERS, STOP_SECONDS)


def main() -> None:
    """Serve until told to stop; it asks for the password of the workspace, or for the token."""
    host, port, workspace = sys.argv[1:]
    log_to_stderr()
    settings = load_settings()
    secrets = [server_login(settings, Path(workspace)), read_token(settings, "review_token")]
    place = Place(host, int(port), [one for one in secrets if one], settings.listed_host_names())
    make_server(Desk(Path(workspace)), place).run()


if __name__ == "__main__":
    main()
