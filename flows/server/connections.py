"""Connections that bring no request are closed, so that nobody can use up what a server can hold open."""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 20.0
"""Time in which a client must send the head of its request, from its connection or from the last answer on."""


class ImpatientProtocol(H11Protocol):
    """Uvicorn's protocol, which by itself waits without end for the rest of a request that has started."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(transport)
        self._expect_request_after(None)

    def on_response_complete(self) -> None:
        """Take the next request of the connection."""
        self._expect_request_after(self.cycle)
        super().on_response_complete()

    def _expect_request_after(self, last: Any) -> None:
        self.loop.call_later(REQUEST_SECONDS, self._close_if_idle, last)

    def _close_if_idle(self, last: Any) -> None:
        """Close the connection if no request came after this one; a web socket has another protocol by now."""
        if self.cycle is last and self.transport.get_protocol() is self:
            self.transport.close()


def make_impatient_server(
    app: ASGIApp, host: str, port: int, headers: Sequence[tuple[str, str]], stop_seconds: int
) -> uvicorn.Server:
    """Return a server that closes idle connections, and does not say what it is; its `run` serves until it is stopped.

    Args:
        app: answers the requests.
        host: address to listen on.
        port: TCP port.
        headers: of every answer.
        stop_seconds: time for requests that are running when it is stopped.
    """
    config = uvicorn.Config(
        app,
        host,
        port,
        http=ImpatientProtocol,
        headers=list(headers),
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=stop_seconds,
    )
    return uvicorn.Server(config)
