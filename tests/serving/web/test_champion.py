"""The champion moves: no request fails, each answer names its version, and a fault leaves the old one."""

import threading
import time

import httpx
import pytest

from data.base.errors import PipelineError, TransientError
from serving.web import champion
from tests.support.served import Registry, served, wait_for
from tests.support.shade_predictor import ShadePredictor, picture

SEND = {"content": picture(), "headers": {"Content-Type": "image/png"}}
MOVES = (2, 3, 2, 4, 3)


def test_no_request_fails_while_the_champion_moves(monkeypatch):
    monkeypatch.setattr(champion, "POLL_SECONDS", 0.05)
    answered, ended = [], threading.Event()

    def ask(port):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as mine:
            while not ended.is_set():
                answer = mine.post("/predict", **SEND)
                found = answer.json()
                answered.append((answer.status_code, found["version"], found["answers"][0]["version"]))

    def load(version):
        time.sleep(0.1)  # as a network takes
        return ShadePredictor(f"shade/{version.rpartition('/')[2]}", before=lambda: time.sleep(0.002))

    with served(load) as client:
        threads = [threading.Thread(target=ask, args=(client.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: answered)
        for version in MOVES:
            client.registry.version = version
            moved = time.monotonic()
            wait_for(lambda version=version: answered and answered[-1][1] == f"shade/{version}")
            assert time.monotonic() - moved < 10
        ended.set()
        for thread in threads:
            thread.join(20)
        assert client.service.follower.swaps == 1 + len(MOVES)
    assert {status for status, _, _ in answered} == {200}
    assert {version for _, version, _ in answered} == {"shade/1", *(f"shade/{version}" for version in MOVES)}
    assert all(whole == one for _, whole, one in answered)


def test_a_request_ends_with_the_version_that_it_began_with():
    inside, go_on = threading.Event(), threading.Event()

    def load(version):
        hold = (lambda: (inside.set(), go_on.wait(20))) if version.endswith("/1") else (lambda: None)
        return ShadePredictor(version, before=hold)

    with served(load) as client:
        got = []
        thread = threading.Thread(target=lambda: got.append(client.post("/predict", **SEND).json()["version"]))
        thread.start()
        assert inside.wait(20)
        client.registry.version = 2
        client.service.follower.look()
        assert client.post("/predict", **SEND).json()["version"] == "shade/2"
        go_on.set()
        thread.join(20)
    assert got == ["shade/1"]


def refuse(version):
    if not version.endswith("/1"):
        raise PipelineError("the file is damaged")
    return ShadePredictor(version)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2, "export": None}, "version 2 is the champion, but has no export yet; shade/1 answers meanwhile"),
        ({"version": 0}, "no champion any more"),
        ({"fault": TransientError("MLflow is away")}, "MLflow is away"),
        ({"version": 2}, "shade/2 cannot be loaded, so the version stays (the file is damaged)"),
    ],
)
def test_a_fault_leaves_the_old_champion_and_is_said(change, says):
    with served(refuse) as client:
        for name, value in change.items():
            setattr(client.registry, name, value)
        client.service.follower.look()
        health = client.get("/health")
        assert health.status_code == 200
        assert says in health.json()["message"]
        assert client.post("/predict", **SEND).json()["version"] == "shade/1"
        client.registry.version, client.registry.export, client.registry.fault = 1, "export", None
        client.service.follower.look()
        assert client.get("/health").json()["message"] == ""


def test_any_other_fault_is_logged_and_it_goes_on(monkeypatch, caplog):
    monkeypatch.setattr(champion, "POLL_SECONDS", 0.02)
    registry = Registry(ShadePredictor)
    registry.fault = ZeroDivisionError("never seen before")
    follower = registry.follower()
    follower.start()
    wait_for(lambda: "log says why" in follower.message)
    assert follower.current is None
    registry.fault = None
    wait_for(lambda: follower.current is not None)
    follower.stop()
    assert "never seen before" in caplog.text


def test_the_same_champion_is_loaded_once_and_a_new_export_of_it_again(tmp_path):
    registry = Registry(ShadePredictor)
    follower = registry.follower()
    for _ in range(3):
        follower.look()
    assert follower.swaps == 1
    registry.export = tmp_path / "another export"
    follower.look()
    assert follower.swaps == 2
    registry.export = None  # pruned: the one in memory stays
    follower.look()
    assert (follower.swaps, follower.message) == (2, "")


def test_a_service_that_has_not_looked_yet_does_not_say_that_there_is_no_champion():
    follower = champion.ChampionFollower("emotion", lambda: champion.Found(0, None), lambda *_: ShadePredictor("a"))
    assert follower.message == champion.NOT_LOADED
    follower.look()
    assert follower.message == champion.NO_CHAMPION
