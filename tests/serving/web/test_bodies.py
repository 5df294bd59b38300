"""Hostile and broken requests: each gets its answer, and the service goes on."""

import asyncio
import socket

import pytest

from serving.web import bodies
from serving.web.limits import ServeLimits
from tests.support.hostile_bodies import FORM, form, list_hostile, part
from tests.support.served import served, wait_for
from tests.support.shade_predictor import ShadePredictor, picture

LIMITS = ServeLimits(body_bytes=4 << 20, seconds=5)
HOSTILE = {one.name: one for one in list_hostile(LIMITS.body_bytes)}


@pytest.fixture(scope="module")
def client():
    with served(ShadePredictor, limits=LIMITS) as found:
        yield found


@pytest.fixture(autouse=True)
def lives(client):
    """After every request here, a good one is answered and no place stays taken."""
    yield
    assert client.post("/predict", files={"file": ("a.png", picture())}).status_code == 200
    wait_for(lambda: client.service.door.taken == 0)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_hostile_body_gets_its_answer(client, name):
    sent = HOSTILE[name]
    answer = client.post("/predict", content=sent.body, headers={"Content-Type": sent.kind, **dict(sent.headers)})
    assert answer.status_code == sent.status, answer.text
    assert sent.says in answer.json()["detail"] if sent.says else answer.json()["answers"][0]["faces"]


def test_there_are_forty_of_them():
    assert len(HOSTILE) >= 40


def talk(client, *pieces, wait=None):
    """Send pieces of a request on a connection of its own, and return the status line."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if wait is False:
            return ""
        return connection.recv(4096).partition(b"\r\n")[0].decode()


def head(*lines):
    return "\r\n".join(["POST /predict HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {FORM}", *lines, "", ""]).encode()


def test_a_body_that_does_not_come_is_not_waited_for(client):
    client.service.limits = LIMITS.model_copy(update={"seconds": 0.3})
    try:
        assert talk(client, head("Content-Length: 1000"), b"--0123").startswith("HTTP/1.1 408")
    finally:
        client.service.limits = LIMITS


def test_a_client_that_leaves_frees_its_place(client):
    talk(client, head("Content-Length: 1000"), b"--0123", wait=False)


def test_a_client_that_asks_first_is_refused_before_it_sends(client):
    answer = talk(client, head(f"Content-Length: {1 << 40}", "Expect: 100-continue"))
    assert answer.startswith("HTTP/1.1 413")


def test_a_body_without_a_length_ends_at_the_limit(client, monkeypatch):
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.2)
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    start = form(part(b""), end=False)[:-2]
    first = f"{len(start):x}\r\n".encode() + start + b"\r\n"
    assert talk(client, head("Transfer-Encoding: chunked"), first, *[chunk] * 5).startswith("HTTP/1.1 413")


def test_no_more_than_the_limit_is_kept_in_memory():
    """The stream is read one piece beyond the limit and no further, besides what is thrown away."""
    taken = 0

    class Endless:
        def __init__(self):
            self.headers = {}

        async def stream(self):
            nonlocal taken
            while True:
                taken += 1 << 16
                yield bytes(1 << 16)

    async def read():
        return [piece async for piece in bodies._limited(Endless(), LIMITS)]

    with pytest.raises(bodies.Refused) as refused:
        asyncio.run(read())
    assert refused.value.status == 413
    assert taken <= 2 * LIMITS.body_bytes + 2 * (1 << 16)


@pytest.mark.parametrize("line", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\x00" * 70_000])
def test_what_is_no_http_is_refused(client, line):
    assert talk(client, line).startswith("HTTP/1.1 400")


def test_a_photo_is_never_written_to_a_disk(client, monkeypatch):
    import tempfile

    def refuse(*arguments, **options):
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "_TemporaryFileWrapper", refuse)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    large = picture(side=64) + bytes(3 << 20)
    assert client.post("/predict", files={"file": ("a.png", large)}).status_code == 200


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        (b'{"urls": ["http://127.0.0.1:9/a.jpg"]}', 422, "no address of the public internet"),
        (b'{"urls": ["http://localhost/a.jpg"]}', 422, "no address of the public internet"),
        (
            b'{"urls": ["http://[::1]/a.jpg", "http://169.254.169.254/latest"]}',
            422,
            "no address of the public internet",
        ),
        (b'{"urls": ["file:///etc/passwd"]}', 422, "public internet"),
        (b'{"urls": []}', 422, "got no image"),
        (b'{"url": "http://example.org"}', 422, 'expected {"urls"'),
        (b'{"urls": "http://example.org"}', 422, 'expected {"urls"'),
        (b'{"urls": ' + b"[" * 60_000, 422, 'expected {"urls"'),
        (b"[" * 100_000, 413, "expected at most 65,536"),
        (b'{"urls": [' + b'"http://e.org",' * 16 + b'"http://e.org"]}', 413, "got more than 16 images"),
    ],
)
def test_addresses_are_fetched_from_the_public_internet_alone(sent, status, says):
    with served(ShadePredictor, limits=LIMITS, may_fetch=True) as client:
        answer = client.post("/predict", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]


def test_an_address_gives_the_answer_of_its_image(monkeypatch):
    monkeypatch.setattr("serving.web.app.fetch_public", lambda url, limits: picture())
    with served(ShadePredictor, may_fetch=True) as client:
        answer = client.post("/predict", json={"urls": ["https://example.org/a.png"]}).json()["answers"][0]
    assert (answer["source"], answer["faces"][0]["label"]) == ("https://example.org/a.png", "light")
