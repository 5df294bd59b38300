"""The champion's web service as it is started: the real registry, real exports, the token, and no heavy packages."""

import io
import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.workspace.layout import EXPORTS_STAGE
from data.workspace.store import Workspace
from flows.server.password import workspace_login
from flows.service.serve_site import (
    Place,
    follow_directory,
    follow_registry,
    log_to_stderr,
    make_server,
    make_service,
    read_token,
    require_safe_place,
)
from flows.settings import Settings
from models.registry.champion import ModelRegistry
from serving.web import champion
from serving.web.limits import ServeLimits
from tests.support.halves_export import write_halves_export
from tests.support.hostile_bodies import list_hostile
from tests.support.registry_factory import make_registry
from tests.support.served import wait_for
from tests.support.up_command import free_port

TOKEN = "a-token-of-some-length"
START_SECONDS = 60
LIMITS = ServeLimits(body_bytes=4 << 20)


def face(upper=250, lower=20):
    """Return the bytes of a picture of a network's size, whose halves differ."""
    pixels = np.full((48, 48), lower, np.uint8)
    pixels[:24] = upper
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


SEND = {"content": face(), "headers": {"Content-Type": "image/png"}}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A registry of three versions; version N prefers label N - 1, and the third has no export."""
    root = tmp_path_factory.mktemp("served")
    make_registry(root, 3)
    for number in (1, 2):
        space = Workspace(root, reserve_bytes=0)
        inputs = {"training": f"variant{number}"}
        space.produce(EXPORTS_STAGE, inputs, lambda out, number=number: write_halves_export(out, favourite=number - 1))
    ModelRegistry(root).move_champion(1, "a test", "the first")
    return root


@pytest.fixture(scope="module")
def client(workspace):
    """The service in this process, following the registry quickly."""
    patch = pytest.MonkeyPatch()
    patch.setattr(champion, "POLL_SECONDS", 0.1)
    service = make_service(follow_registry(workspace), LIMITS)
    server = make_server(service, Place("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started and service.follower.current is not None, START_SECONDS)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as found:
        yield found
    server.should_exit = True
    thread.join(20)
    patch.undo()


def test_promotions_and_rollbacks_are_live_without_a_failed_request(client, workspace):
    registry, answered, ended = ModelRegistry(workspace), [], threading.Event()

    def ask():
        with httpx.Client(base_url=client.base_url, trust_env=False, timeout=30) as mine:
            while not ended.is_set():
                answer = mine.post("/predict", **SEND)
                found = answer.json()
                answered.append((answer.status_code, found["version"], found["answers"][0]["faces"][0]["label"]))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: answered)
    for move, version in (
        (lambda: registry.move_champion(2, "a test", "better"), 2),
        (lambda: registry.rollback("a test", "worse"), 1),
    ):
        move()
        moved = time.monotonic()
        wait_for(lambda version=version: answered[-1][1] == f"emotion/{version}", START_SECONDS)
        assert time.monotonic() - moved < 10
    ended.set()
    for thread in threads:
        thread.join(30)
    assert set(answered) == {(200, "emotion/1", "happy"), (200, "emotion/2", "neutral")}


def test_a_champion_without_an_export_leaves_the_old_one_and_says_so(client, workspace):
    registry = ModelRegistry(workspace)
    registry.move_champion(3, "a test", "not exported")
    try:
        wait_for(lambda: client.get("/health").json()["message"], START_SECONDS)
        assert client.get("/health").status_code == 200
        assert "version 3 is the champion, but has no export yet" in client.get("/health").json()["message"]
        assert client.post("/predict", **SEND).json()["version"] == "emotion/1"
    finally:
        registry.rollback("a test", "back")
    wait_for(lambda: not client.get("/health").json()["message"], START_SECONDS)


def test_the_answer_and_its_explanation_are_of_the_exported_network(client):
    answer = client.post("/predict", **SEND).json()
    (found,) = answer["answers"][0]["faces"]
    assert (found["label"], answer["answers"][0]["outcome"]) == ("happy", "given")
    assert sum(found["probabilities"]) == pytest.approx(1)
    explained = client.post("/explain", **SEND).json()
    assert explained["certainty"] == pytest.approx(found["certainty"])
    falls = np.array(explained["falls"])
    assert falls[0].mean() > 0.01  # the light upper half speaks for the label
    assert falls[-1].mean() > 0.01  # the mean of the face is lighter than the lower half
    upside_down = client.post("/predict", content=face(20, 250), headers=SEND["headers"]).json()
    assert upside_down["answers"][0]["faces"][0]["label"] != "happy"


def test_pixels_beyond_the_limit_are_refused(tmp_path):
    export = write_halves_export(tmp_path / "export")
    service = make_service(follow_directory(export, ServeLimits(pixels=10_000)), ServeLimits(pixels=10_000))
    service.follower.look()
    large = io.BytesIO()
    Image.new("L", (200, 200)).save(large, "PNG")
    answer = service.follower.current.predict_image(large.getvalue(), "large.png")
    assert (answer.outcome, answer.version) == ("too_large", "export")
    assert "10,000" in answer.message


@pytest.fixture
def process(workspace, tmp_path):
    """The child command of `emotion up`, with a token."""
    port = free_port()
    environment = {**os.environ, "EMOTION_SERVE_TOKEN": TOKEN, "EMOTION_WORKSPACE": str(workspace)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "flows.service.serve_site", "127.0.0.1", str(port), str(workspace)],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        client.process, client.log = started, tmp_path / "log"
        wait_for(lambda: started.poll() is not None or is_ready(client), START_SECONDS)
        assert started.poll() is None, (tmp_path / "log").read_text()
        yield client
    if started.poll() is None:
        started.kill()
        started.wait(20)


def is_ready(client):
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_the_part_of_up_asks_for_the_password_or_the_token_and_ends_when_told(process, workspace):
    user, _, password = workspace_login(workspace).partition(":")
    assert process.get("/").status_code == process.post("/predict", **SEND).status_code == 401
    assert process.get("/", auth=(user, password)).status_code == 200
    bearer = {**SEND["headers"], "Authorization": f"Bearer {TOKEN}"}
    assert process.post("/predict", content=face(), headers=bearer).json()["version"] == "emotion/1"
    process.process.send_signal(signal.SIGTERM)
    process.process.wait(20)
    text = process.log.read_text()
    assert "emotion/1 answers now" in text
    assert TOKEN not in text and password not in text and "Traceback" not in text


def test_it_needs_neither_tensorflow_nor_prefect_nor_mlflow(workspace):
    code = (
        "import sys; from pathlib import Path; from flows.service.serve_site import follow_registry, make_service; "
        "from serving.web.limits import ServeLimits; from serving.web.bodies import Upload; "
        "from serving.web.app import create_app; "
        "service = make_service(follow_registry(Path(sys.argv[1])), ServeLimits()); create_app(service); "
        "service.follower.look(); print(service.answer([Upload('a', Path(sys.argv[2]).read_bytes())]).version); "
        "print(sorted({'mlflow', 'tensorflow', 'keras', 'prefect'} & set(sys.modules)))"
    )
    picture = workspace / "face.png"
    picture.write_bytes(face())
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace), str(picture)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=PROJECT_ROOT,
    )
    assert done.stdout.split("\n")[:2] == ["emotion/1", "[]"], done.stderr


def test_a_token_comes_from_the_environment_or_from_a_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert read_token(Settings()) == ""
    assert read_token(Settings(serve_token=TOKEN)) == TOKEN
    assert read_token(Settings(serve_token_file=path)) == TOKEN
    assert TOKEN not in repr(Settings(serve_token=TOKEN))
    for content in ("", "short"):
        path.write_text(content)
        with pytest.raises(PipelineError, match="expected at least 12"):
            read_token(Settings(serve_token_file=path))
    with pytest.raises(PipelineError, match="EMOTION_SERVE_TOKEN_FILE"):
        read_token(Settings(serve_token_file=tmp_path / "none"))
    with pytest.raises(PipelineError, match="expected at least 12") as refused:
        read_token(Settings(serve_token="hunter-two"))
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "gpu-box"])
def test_an_address_for_others_needs_a_token(host):
    with pytest.raises(PipelineError, match="EMOTION_SERVE_TOKEN"):
        require_safe_place(Place(host, 8750))
    require_safe_place(Place(host, 8750, [TOKEN]))
    require_safe_place(Place("127.0.0.1", 8750))


def test_broken_forms_do_not_fill_the_log():
    log_to_stderr()
    import logging

    assert not logging.getLogger("python_multipart").isEnabledFor(logging.WARNING)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_hostile_bodies_get_their_answers_from_the_real_network_too(client):
    for sent in list_hostile(LIMITS.body_bytes):
        headers = {"Content-Type": sent.kind, **dict(sent.headers)}
        answer = client.post("/predict", content=sent.body, headers=headers)
        assert answer.status_code == sent.status, (sent.name, answer.text)
    assert client.post("/predict", **SEND).status_code == 200
