"""Who gets an answer: requests to our own names, from our own pages, with the password."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from flows.server.gate import PasswordGate, guard

LOGIN = "emotion:pass:word"


async def answer(scope, receive, send):
    """Answer everything, and accept every web socket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("ours")(scope, receive, send)


def get(app, headers, **given):
    """Return the application's answer to a request."""

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as client:
            return await client.get("/", headers=headers, **given)

    return asyncio.run(ask())


def ask(headers, names=(), host="127.0.0.1"):
    return get(guard(answer, host, names), headers).status_code


def open_web_socket(**headers):
    """Return what the application does first about a web socket."""
    sent = []

    async def send(message):
        sent.append(message["type"])

    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/", "headers": named, "extensions": {"websocket.http.response": {}}}
    asyncio.run(guard(answer, "127.0.0.1", ())(scope, None, send))
    return sent[0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "127.0.0.1:4200"}, 200),
        ({"Host": "localhost:4200"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:4200"}, 200),
        ({"Host": "127.0.0.1:4200", "Origin": "http://127.0.0.1:4200"}, 200),
        ({"Host": "localhost:4200", "Origin": "http://localhost:4200"}, 200),
        ({"Host": "foreign.example"}, 400),
        ({"Host": "foreign.example:4200"}, 400),
        ({"Host": "127.0.0.1.foreign.example"}, 400),
        ({"Host": "127.0.0.1@foreign.example"}, 400),
        ({"Host": ""}, 400),
        ({"Origin": "http://foreign.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://[foreign"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),  # another account's page on this machine
        ({"Host": "gpu-box"}, 400),
    ],
)
def test_only_our_names_and_our_pages_get_an_answer(headers, status):
    assert ask(headers) == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "gpu-box:4200"},
        {"Host": "GPU-box", "Origin": "https://gpu-box"},
        {"Host": "127.0.0.1:4200", "Origin": "https://gpu-box"},  # a proxy that changes the host
    ],
)
def test_a_listed_name_is_ours_too(headers):
    assert ask(headers) in (400, 403)
    assert ask(headers, ["gpu-box"]) == 200


def test_the_address_that_is_listened_on_is_ours():
    assert ask({"Host": "10.0.0.7:4200"}) == 400
    assert ask({"Host": "10.0.0.7:4200"}, host="10.0.0.7") == 200
    assert ask({"Host": "foreign.example"}, host="0.0.0.0") == 400
    assert ask({"Host": "127.0.0.1"}, host="0.0.0.0") == 200


def test_a_web_socket_of_a_foreign_page_is_refused():
    own = "127.0.0.1:4200"
    assert open_web_socket(host=own, origin=f"http://{own}") == open_web_socket(host=own) == "websocket.accept"
    assert open_web_socket(host=own, origin="http://foreign.example") == "websocket.http.response.start"
    assert open_web_socket(host="foreign.example") == "websocket.http.response.start"


@pytest.mark.parametrize(
    ("auth", "status"),
    [(None, 401), (("emotion", "pass:word"), 200), (("emotion", "pass"), 401), (("", ""), 401), (("é", "ü"), 401)],
)
def test_a_part_asks_for_its_password(auth, status):
    answered = get(PasswordGate(answer, LOGIN), {}, auth=auth)
    assert answered.status_code == status
    assert ("WWW-Authenticate" in answered.headers) is (status == 401)


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic ZW1vdGlvbg", "Bearer emotion:pass:word", "x" * 5000])
def test_an_odd_header_is_no_password(header):
    assert get(PasswordGate(answer, LOGIN), {"Authorization": header}).status_code == 401
