"""Connections that bring no request are closed, so that nobody can use up what a server can hold open."""

import asyncio
from typing import Any

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
