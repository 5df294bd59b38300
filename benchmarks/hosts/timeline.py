"""When each training of a run was ready, began and ended, and on which host: read from Prefect's task runs and logs.

A training here is one task. A training on another host is two: one of the run that waits for it, and one of the flow
run on the worker. All times are of one machine's clock.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

PAGE = 200
"""Rows of an answer at most."""

EPOCH_ENDED = re.compile(r": epoch \d+/\d+, loss .* (\d+\.\d) s, about ")
EVALUATED = re.compile(r": validation accuracy \d")

Ask = Callable[..., list[dict[str, Any]]]
"""Function of a path and the fields of a filter to rows, see `benchmarks.hosts.cluster.Cluster.ask`."""


class Spent(NamedTuple):
    """Seconds of one training, one part after the other."""

    title: str
    """Name of its task, such as "train light (seed 43)"."""
    host: str
    queued_seconds: float
    """Until its host was free; 0 where the run itself starts it only then."""
    start_seconds: float
    """From then to its first step."""
    training_seconds: float
    """From its first step to the end of its last epoch."""
    evaluation_seconds: float
    """From then until the host that trained it had evaluated it."""
    return_seconds: float
    """From then until the run had the result."""

    @property
    def overhead_seconds(self) -> float:
        """Seconds from ready to the first step, and from the end of the last epoch to the result at the parent."""
        return round(self.start_seconds + self.evaluation_seconds + self.return_seconds, 3)


class Moments(NamedTuple):
    """Moments of one training, in seconds since 1970."""

    title: str
    host: str
    asked: float
    """The run began to wait for it."""
    first_step: float
    last_step: float
    evaluated: float
    freed: float
    """Its host was free for the next one; 0 if the run itself trained it."""
    returned: float
    """The run had the result."""


def read_moments(ask: Ask, hosts: Mapping[str, str], alone: str) -> list[Moments]:
    """Read the trainings of the run that was started last.

    Args:
        ask: of Prefect's server.
        hosts: that trained on behalf of the run, by the name of the task.
        alone: host of the run, which trained what no other one did.

    Raises:
        RuntimeError: the server has no run, or the log of a training lacks its epochs.
    """
    runs = ask("flow_runs/filter", flows={"name": {"any_": ["retrain"]}}, sort="START_TIME_DESC", limit=1)
    if not runs:
        raise RuntimeError("got no flow run retrain, expected the one that was just started: see its log")
    placed = _read_placed(ask, runs[0]["id"])
    return [
        _read_training(ask, task, placed.get(task["name"]), hosts.get(task["name"], alone))
        for task in _tasks_of(ask, runs[0]["id"])
    ]


def measure(moments: Sequence[Moments]) -> list[Spent]:
    """Return what each training took, in the order of their first steps; a host trains one after the other."""
    spent, free = [], dict[str, float]()
    for one in sorted(moments, key=lambda one: one.first_step):
        ready = max(one.asked, free.get(one.host, 0.0))
        spent.append(
            Spent(
                one.title,
                one.host,
                queued_seconds=round(ready - one.asked, 3),
                start_seconds=round(one.first_step - ready, 3),
                training_seconds=round(one.last_step - one.first_step, 3),
                evaluation_seconds=round(one.evaluated - one.last_step, 3),
                return_seconds=round(one.returned - one.evaluated, 3),
            )
        )
        free[one.host] = one.freed
    return spent


def _read_placed(ask: Ask, parent: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return flow run and task of each training on another host, by the name of the task; of a moved one the last."""
    runs = ask("flow_runs/filter", flows={"name": {"any_": ["train-variant"]}}, sort="START_TIME_ASC", limit=PAGE)
    own = [run for run in runs if run["parameters"].get("training", {}).get("parent") == parent]
    return {task["name"]: (run, task) for run in own for task in _tasks_of(ask, run["id"])}


def _tasks_of(ask: Ask, run: str) -> list[dict[str, Any]]:
    tasks = ask("task_runs/filter", flow_runs={"id": {"any_": [run]}}, limit=PAGE)
    return [task for task in tasks if task["name"].startswith("train ")]


def _read_training(
    ask: Ask, task: dict[str, Any], placed: tuple[dict[str, Any], dict[str, Any]] | None, host: str
) -> Moments:
    run, trained = placed or (None, task)
    lines = _read_log(ask, trained["id"])
    epochs = [(at, float(found[1])) for at, text in lines if (found := EPOCH_ENDED.search(text))]
    evaluated = [at for at, text in lines if EVALUATED.search(text)]
    if not epochs or not evaluated:
        raise RuntimeError(f"got {len(epochs)} epochs in the log of {task['name']}, expected a finished training")
    return Moments(
        task["name"],
        host,
        asked=_seconds(task["start_time"]),
        first_step=epochs[0][0] - epochs[0][1],
        last_step=epochs[-1][0],
        evaluated=evaluated[-1],
        freed=_seconds(run["end_time"]) if run else 0.0,
        returned=_seconds(task["end_time"]),
    )


def _read_log(ask: Ask, task: str) -> list[tuple[float, str]]:
    lines: list[tuple[float, str]] = []
    while True:
        asked = {"logs": {"task_run_id": {"any_": [task]}}, "sort": "TIMESTAMP_ASC", "limit": PAGE}
        page = ask("logs/filter", **asked, offset=len(lines))
        lines += [(_seconds(line["timestamp"]), line["message"]) for line in page]
        if len(page) < PAGE:
            return lines


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
