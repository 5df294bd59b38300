"""Trainings on other hosts: a parent and two workers, each with a workspace of its own, share a server and a store."""

import os
from contextlib import ExitStack

import pytest

from data.workspace.run_results import read_results
from flows.server.environment import CLIENT_LOGIN_VARIABLE
from tests.support.emotion_command import run_emotion
from tests.support.hosts import POOL, worker
from tests.support.s3_server import BUCKET, s3_server

RUN = ("run", "--preset", "smoke", "--variants", "light", "--plain")


@pytest.fixture(scope="module")
def shared(server):
    """Variables that all hosts have."""
    with s3_server() as variables:
        login = os.environ[CLIENT_LOGIN_VARIABLE]
        yield {**variables, "EMOTION_STORE": f"s3://{BUCKET}/hosts", "EMOTION_PREFECT_AUTH": login}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def workers(shared, folder):
    with ExitStack() as stack:
        yield [stack.enter_context(worker(folder / name, folder / f"{name}.log", **shared)) for name in ("one", "two")]


@pytest.fixture(scope="module")
def results(workers, shared, folder):
    outcome = run_emotion(folder / "parent", *RUN, "--seeds", "2", "--on", POOL, **shared)
    logs = "".join((folder / f"{name}.log").read_text()[-3000:] for name in ("one", "two"))
    assert outcome.returncode == 0, outcome.stderr[-4000:] + logs
    (stored,) = (folder / "parent").glob("reports/*/results.json")
    return outcome, read_results(stored.parent)


def test_other_hosts_train_and_this_one_has_the_results(results, folder, server):
    outcome, found = results
    (light,) = [one for one in found.variants if one.name == "light"]
    assert [repeat.status for repeat in light.repeats] == ["trained", "trained"]
    (runs,) = [server.ask("flow_runs", flows={"name": {"any_": ["train-variant"]}})]
    assert sorted(run["state"]["name"] for run in runs) == ["Completed", "Completed"]
    for title in ("light", "light (seed 43)"):
        assert f"{title}: epoch 2/2" in outcome.stderr, "the log is that of a training here"
    assert [len(list((folder / name / "variants").glob("[!.]*"))) for name in ("one", "two")] == [1, 1]


@pytest.mark.slow
def test_the_figures_are_those_of_one_host(results, folder, shared):
    _, found = results
    alone = {name: value for name, value in shared.items() if name != "EMOTION_STORE"}
    outcome = run_emotion(folder / "alone", *RUN, "--parallel", "1", **alone)
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    (stored,) = (folder / "alone").glob("reports/*/results.json")
    runs = (read_results(stored.parent), found)
    here, there = (next(one for one in run.variants if one.name == "light") for run in runs)
    assert there.training == here.training
    assert there.parts == here.parts
