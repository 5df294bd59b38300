"""Who gets an answer: requests to our own names, from our own pages."""

import pytest

from flows.server.gate import guard
from tests.support.asgi import answer, get, open_web_socket


def guarded(names=(), host="127.0.0.1"):
    """Return the application that answers only what the gate lets through."""
    return guard(answer, host, names)


def ask(headers, names=(), host="127.0.0.1"):
    """Return the status of the answer to a request."""
    return get(guarded(names, host), headers).status_code


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
    own, app = "127.0.0.1:4200", guarded()
    assert (
        open_web_socket(app, host=own, origin=f"http://{own}") == open_web_socket(app, host=own) == "websocket.accept"
    )
    assert open_web_socket(app, host=own, origin="http://foreign.example") == "websocket.http.response.start"
    assert open_web_socket(app, host="foreign.example") == "websocket.http.response.start"
