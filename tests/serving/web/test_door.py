"""Admission: as many as there is room for, 429 beyond, and an answer in time or none."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.web.limits import ServeLimits
from tests.support.served import served, wait_for
from tests.support.shade_predictor import ShadePredictor, picture

SEND = {"content": picture(), "headers": {"Content-Type": "image/png"}}


@pytest.fixture
def held():
    """A predictor that answers only when it is let."""
    event = threading.Event()
    event.predictor = lambda version: ShadePredictor(version, before=lambda: event.wait(20))
    yield event
    event.set()


def test_a_flood_gets_429_and_those_who_were_let_in_get_answers(held):
    with served(held.predictor, limits=ServeLimits(at_once=2, waiting=3)) as client, ThreadPoolExecutor(5) as pool:
        inside = [pool.submit(client.post, "/predict", **SEND) for _ in range(5)]
        wait_for(lambda: client.service.door.taken == 5)
        for _ in range(50):
            refused = client.post("/predict", **SEND)
            assert refused.status_code == 429
            assert refused.headers["Retry-After"] == "1"
            assert "2 were computed and 3 waited" in refused.json()["detail"]
        assert client.get("/health").status_code == 200  # whoever watches it is not refused
        held.set()
        assert [one.result().status_code for one in inside] == [200] * 5
        assert client.post("/predict", **SEND).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up_and_its_thread_keeps_its_place(held):
    with served(held.predictor, limits=ServeLimits(at_once=1, waiting=0, seconds=0.3)) as client:
        late = client.post("/predict", **SEND)
        assert late.status_code == 503
        assert "within 0.3 s" in late.json()["detail"]
        assert client.post("/predict", **SEND).status_code == 429  # the thread cannot be stopped
        held.set()
        wait_for(lambda: client.service.door.taken == 0)
        assert client.post("/predict", **SEND).status_code == 200


def test_one_that_waited_too_long_is_never_computed(held):
    counted = []

    def load(version):
        return ShadePredictor(version, before=lambda: (counted.append(1), held.wait(20)))

    with (
        served(load, limits=ServeLimits(at_once=1, waiting=5, seconds=0.3)) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = list(pool.map(lambda _: client.post("/predict", **SEND).status_code, range(4)))
        assert answers == [503] * 4
        held.set()
        wait_for(lambda: client.service.door.taken == 0)
        assert len(counted) == 1


def test_a_fault_inside_is_500_and_frees_the_place():
    def load(version):
        return ShadePredictor(version, before=lambda: 1 / 0)

    with served(load, limits=ServeLimits(at_once=1, waiting=0)) as client:
        for _ in range(3):
            assert client.post("/predict", **SEND).status_code == 500
        assert client.service.door.taken == 0
