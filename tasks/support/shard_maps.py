"""Maps over shards: on the cores of this host, or on the workers of a Dask cluster."""

import logging
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from data.base.errors import ChildKilled, PipelineError, TransientError
from data.system.hardware import usable_cores
from data.system.shard_processes import MapShards, Result, Shard, ShardProcesses
from data.workspace.digests import digest_sources
from tasks.support.progress import watched

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 30
"""For so long a scheduler is waited for."""

SHARD_SECONDS = 900.0
"""Far more than the longest shard takes, with those that wait before it; without workers Dask waits for ever."""


@contextmanager
def shard_map(scheduler: str = "") -> Iterator[MapShards]:
    """Yield a map over shards; whoever does the work, the results are the same.

    Args:
        scheduler: address of Dask's scheduler, such as tcp://127.0.0.1:8786; empty: the cores of this host.

    Raises:
        PipelineError: no scheduler answers there, it has no workers, or the package prefect-dask is not installed.
    """
    if scheduler:
        with _dask_map(scheduler) as map_shards:
            yield map_shards
    else:
        with ShardProcesses(usable_cores()) as map_shards:
            yield map_shards


@task(task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
@watched
def work_on_shard(name: str, module: str, code: str, content: bytes) -> bytes:
    """Do one shard on a worker of Dask.

    Args:
        name: of the task run.
        module: of the function.
        code: digest of the module where the shard comes from.
        content: pickled function and shard. As bytes, because Prefect looks through the parameters of a task for
            other tasks' results, one value after the other.

    Returns:
        The pickled result.

    Raises:
        PipelineError: this worker has other code.
    """
    own = digest_sources([module])
    if own != code:
        raise PipelineError(
            f"got work for {module} with the code {code}, this worker of Dask has {own}: install the same version of "
            "the project on every host and start its workers again"
        )
    function, shard = pickle.loads(content)
    return pickle.dumps(function(shard), pickle.HIGHEST_PROTOCOL)


@contextmanager
def _dask_map(scheduler: str) -> Iterator[MapShards]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise PipelineError(
            "got EMOTION_DASK, but the package prefect-dask is not installed, expected it: run pip install "
            "--require-hashes -r requirements-dask.lock"
        ) from None
    with DaskTaskRunner(address=scheduler, client_kwargs={"timeout": CONNECT_SECONDS}) as runner:
        threads = _count_threads(runner, scheduler)
        logger.info("Dask's scheduler %s has %d threads", scheduler, threads)
        yield partial(_map_on, runner, 2 * threads)


def _count_threads(runner: Any, scheduler: str) -> int:
    """Return the number of threads of all workers."""
    try:
        threads = sum(runner.client.nthreads().values())
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"got no answer from a scheduler of Dask at EMOTION_DASK={scheduler} ({error}), expected one within "
            f"{CONNECT_SECONDS} s: start one with dask scheduler, or unset EMOTION_DASK"
        ) from error
    if not threads:
        raise PipelineError(
            f"got the scheduler of Dask at {scheduler} without workers, expected at least one: start one on each host "
            f"with dask worker {scheduler} --nworkers -1 --nthreads 1"
        )
    return threads


def _map_on(
    runner: Any, most: int, function: Callable[[Shard], Result], shards: Iterable[Shard], /
) -> Iterator[Result]:
    """Map on the workers of Dask, with at most `most` shards at once in its memory."""
    module = function.__module__
    code = digest_sources([module])
    context = _without_task()
    pending: deque[Any] = deque()
    for number, shard in enumerate(shards, 1):
        if len(pending) == most:
            yield _take(pending.popleft())
        content = pickle.dumps((function, shard), pickle.HIGHEST_PROTOCOL)
        name = f"{function.__name__.replace('_', ' ').strip()} {number}"
        parameters = {"name": name, "module": module, "code": code, "content": content}
        pending.append(context.run(runner.submit, work_on_shard, parameters))
    while pending:
        yield _take(pending.popleft())


def _without_task() -> Context:
    """Return the current context outside of the running task, but inside its flow run.

    Prefect sends a copy of the context with each shard, and in it the parameters of the task that submits. Among them
    is the workspace, which is of this process alone.
    """
    context = copy_context()
    context.run(TaskRunContext.__var__.set, None)  # type: ignore[arg-type]
    return context


def _take(future: Any) -> Any:
    """Return the result of a shard, and release it.

    Dask would compute what it still holds a second time if the worker that did it were lost (PrefectHQ/prefect#15442).
    """
    from distributed import KilledWorker  # pyright: ignore[reportMissingImports]

    try:
        return pickle.loads(future.result(timeout=SHARD_SECONDS))
    except KilledWorker as error:
        raise ChildKilled(
            f"several workers of Dask were lost while they did the same shard ({error}): check their memory and run "
            "again"
        ) from error
    except TimeoutError:
        raise TransientError(
            f"got no result from Dask for {SHARD_SECONDS:.0f} s, expected one: check that its workers run, "
            "and run again"
        ) from None
    finally:
        future.wrapped_future.release()
