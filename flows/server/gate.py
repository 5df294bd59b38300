"""What every request must satisfy before a part of `emotion up` answers: our own host, no foreign page.

A page of a foreign site can make a browser ask an address on this machine. Its request names that site as its origin;
if the site's name was made to lead to this machine (DNS rebinding), the request names the site as its host.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.server.own_hosts import own_hosts

REQUESTS = ("http", "websocket")


def guard(app: ASGIApp, host: str, names: Sequence[str]) -> ASGIApp:
    """Return an application that answers only requests to our own hosts, and none that a foreign page sends."""
    return TrustedHostMiddleware(OwnOrigins(app, names), own_hosts(host, names), www_redirect=False)


class OwnOrigins:
    """Application that refuses requests of pages that another server sent.

    Args:
        app: answers the other requests.
        names: host names whose pages may send requests to it, of EMOTION_HOST_NAMES.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] in REQUESTS:
            headers = Headers(scope=scope)
            origin, host = headers.get("origin"), headers.get("host", "")
            if origin is not None and not self._is_own(origin, host):
                await PlainTextResponse("Foreign origin", status_code=403)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            page = urlsplit(origin)
            return page.netloc.lower() == host.lower() or page.hostname in self.names
        except ValueError:
            return False
