"""An application that answers everything, and requests to an application without a server."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse


async def answer(scope, receive, send):
    """Answer everything, and accept every web socket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("ours")(scope, receive, send)


def get(app, headers=None, path="/", **given):
    """Return the application's answer to a request."""

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as client:
            return await client.get(path, headers=headers, **given)

    return asyncio.run(ask())


def open_web_socket(app, **headers):
    """Return what the application does first about a web socket."""
    sent = []

    async def send(message):
        sent.append(message["type"])

    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/", "headers": named, "extensions": {"websocket.http.response": {}}}
    asyncio.run(app(scope, None, send))
    return sent[0]
