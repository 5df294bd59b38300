"""Who may ask: whoever has one of the secrets, as a browser or as a program sends it."""

import pytest

from serving.web.token import TokenGate
from tests.support.asgi import answer, get, open_web_socket

LOGIN = "emotion:pass:word"
TOKEN = "a-token-of-a-service"


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        (None, 401),
        (("emotion", "pass:word"), 200),
        (("anybody", TOKEN), 200),
        (("emotion", "pass"), 401),
        (("", ""), 401),
        (("\u00e9", "\u00fc"), 401),
    ],
)
def test_a_person_gives_the_login_or_the_token_as_password(auth, status):
    answered = get(TokenGate(answer, [LOGIN, TOKEN]), auth=auth)
    assert answered.status_code == status
    assert ("WWW-Authenticate" in answered.headers) is (status == 401)


@pytest.mark.parametrize(("sent", "status"), [(TOKEN, 200), (LOGIN, 200), ("pass:word", 401), ("", 401)])
def test_a_program_sends_the_secret_as_it_is(sent, status):
    headers = {"Authorization": f"Bearer {sent}"}
    assert get(TokenGate(answer, [LOGIN, TOKEN]), headers).status_code == status


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic ZW1vdGlvbg", "Bearer", f"Basic {TOKEN}", "x" * 5000])
def test_an_odd_header_is_no_secret(header):
    assert get(TokenGate(answer, [LOGIN, TOKEN]), {"Authorization": header}).status_code == 401


def test_an_empty_secret_opens_nothing_and_none_opens_all():
    for header in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic Og=="}):
        assert get(TokenGate(answer, [""]), header).status_code == 401
        assert get(TokenGate(answer, []), header).status_code == 200


def test_a_path_can_be_open_and_its_neighbours_are_not():
    app = TokenGate(answer, [TOKEN], ["/health"])
    assert [get(app, path=path).status_code for path in ("/health", "/healthy", "/health/x", "/")] == [200] + [401] * 3


def test_a_web_socket_needs_the_secret_too():
    app = TokenGate(answer, [TOKEN])
    assert open_web_socket(app) == open_web_socket(app, authorization="Bearer wrong") == "websocket.http.response.start"
    assert open_web_socket(app, authorization=f"Bearer {TOKEN}") == "websocket.accept"
