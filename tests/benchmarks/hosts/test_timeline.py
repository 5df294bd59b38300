"""The parts of a training's time, from answers as Prefect's server gives them."""

from datetime import UTC, datetime

import pytest

from benchmarks.hosts.timeline import PAGE, measure, read_moments

PARENT = "run-of-the-parent"


def at(seconds):
    return datetime.fromtimestamp(1_000_000 + seconds, UTC).isoformat().replace("+00:00", "Z")


def task(name, run, start, end):
    return {"id": f"{name} of {run}", "name": name, "run": run, "start_time": at(start), "end_time": at(end)}


def log(title, *epochs, evaluated):
    """Return the log of a training: moment and seconds of each epoch, and the moment of its evaluation."""
    lines = [
        (moment, f"{title}: epoch {number}/{len(epochs)}, loss 1.2, accuracy 0.5, {seconds:.1f} s, about 9.0 s left")
        for number, (moment, seconds) in enumerate(epochs, start=1)
    ]
    return [
        {"timestamp": at(m), "message": text} for m, text in [*lines, (evaluated, f"{title}: validation accuracy 0.5")]
    ]


class Server:
    """Answers filters from rows."""

    def __init__(self, flow_runs, tasks, logs):
        self.rows = {"flow_runs/filter": flow_runs, "task_runs/filter": tasks, "logs/filter": logs}

    def __call__(self, path, limit, offset=0, **asked):
        rows = self.rows[path]
        if path == "flow_runs/filter":
            found = [row for row in rows if row["flow"] in asked["flows"]["name"]["any_"]]
        elif path == "task_runs/filter":
            found = [row for row in rows if row["run"] in asked["flow_runs"]["id"]["any_"]]
        else:
            (of_task,) = asked["logs"]["task_run_id"]["any_"]
            found = rows.get(of_task, [])
        return found[offset : offset + limit]


def flow_run(flow, key, parent="", end=0.0):
    parameters = {"training": {"parent": parent}} if parent else {}
    return {"id": key, "flow": flow, "parameters": parameters, "end_time": at(end)}


@pytest.fixture
def placed():
    """Two trainings of which one worker did both, one after the other, beside a training of another run."""
    runs = [
        flow_run("retrain", PARENT),
        flow_run("train-variant", "a", PARENT, end=60),
        flow_run("train-variant", "b", PARENT, end=130),
        flow_run("train-variant", "c", "another run", end=500),
    ]
    tasks = [
        task("write the views", PARENT, 0, 9),
        task("train light", PARENT, 10, 62),
        task("train light (seed 43)", PARENT, 11, 133),
        task("train light", "a", 22, 59),
        task("train light (seed 43)", "b", 72, 129),
        task("train light", "c", 300, 400),
    ]
    logs = {
        "train light of a": log("light", (40, 10), (48, 8), evaluated=55),
        "train light (seed 43) of b": log("light (seed 43)", (90, 10), (100, 10), evaluated=125),
    }
    return Server(runs, tasks, logs)


def test_the_time_of_a_placed_training_falls_into_its_parts(placed):
    hosts = {"train light": "worker1", "train light (seed 43)": "worker1"}
    first, second = measure(read_moments(placed, hosts, "parent"))
    assert (first.title, first.host) == ("train light", "worker1")
    assert first[2:] == (0, 20, 18, 7, 7)
    assert second[2:] == (49, 20, 20, 25, 8), "it waits until its host has ended the first one, and that is no overhead"
    assert first.overhead_seconds == 34


def test_trainings_of_the_run_itself_wait_for_nobody():
    tasks = [task("train light", PARENT, 10, 50), task("train compact", PARENT, 12, 60)]
    logs = {
        "train light of run-of-the-parent": log("light", (30, 5), evaluated=45),
        "train compact of run-of-the-parent": log("compact", (40, 8), evaluated=57),
    }
    spent = measure(read_moments(Server([flow_run("retrain", PARENT)], tasks, logs), {}, "parent"))
    assert [(one.title, one.host, *one[2:]) for one in spent] == [
        ("train light", "parent", 0, 15, 5, 15, 5),
        ("train compact", "parent", 0, 20, 8, 17, 3),
    ]


def test_a_long_log_is_read_whole():
    epochs = [(100 + number, 1) for number in range(2 * PAGE)]
    logs = {"train light of run-of-the-parent": log("light", *epochs, evaluated=1000)}
    server = Server([flow_run("retrain", PARENT)], [task("train light", PARENT, 90, 1001)], logs)
    (one,) = measure(read_moments(server, {}, "parent"))
    assert (one.start_seconds, one.training_seconds, one.evaluation_seconds) == (9, 2 * PAGE, 1000 - 499)


def test_a_log_without_epochs_is_an_error(placed):
    placed.rows["logs/filter"].popitem()
    with pytest.raises(RuntimeError, match=r"seed 43.*expected a finished training"):
        read_moments(placed, {}, "parent")
