"""Who may ask: everybody who can reach the address, or whoever has the token or the password."""

import base64
import binascii
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REQUESTS = ("http", "websocket")

ASKED = {"WWW-Authenticate": 'Basic realm="emotion", charset="UTF-8"'}
"""Makes a browser ask for user and password."""


class TokenGate:
    """Application that answers only requests with one of the secrets.

    Programs send `Authorization: Bearer SECRET`. Browsers ask a person for user and password: the secret is the
    password, or USER:PASSWORD if the secret has a colon.

    Args:
        app: answers requests with a secret.
        secrets: any of them opens, an empty one never; without any, every request is answered.
        open_paths: answered without a secret.
    """

    def __init__(self, app: ASGIApp, secrets: Sequence[str], open_paths: Sequence[str] = ()) -> None:
        self.app, self.is_public, self.open_paths = app, not secrets, open_paths
        self.secrets = [secret.encode() for secret in secrets if secret]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or ask for the secret."""
        closed = scope["type"] in REQUESTS and not self.is_public and scope["path"] not in self.open_paths
        if closed and not self._is_right(Headers(scope=scope).get("authorization", "")):
            await PlainTextResponse("Unauthorized", status_code=401, headers=ASKED)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_right(self, header: str) -> bool:
        scheme, _, sent = header.partition(" ")
        given = [sent.encode()] if scheme.lower() == "bearer" else _basic(sent) if scheme.lower() == "basic" else []
        # Every secret is compared with every form, so that the time says nothing of which was nearly right.
        return sum(hmac.compare_digest(one, secret) for one in given for secret in self.secrets) > 0


def _basic(sent: str) -> list[bytes]:
    """Return what a browser sent: USER:PASSWORD, and the password alone."""
    try:
        whole = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        return []
    return [whole, whole.partition(b":")[2]]
