"""Flow `train-variant`: one training that a run on another host asked for, on this one."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import httpx
from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run
from prefect.states import Crashed

from data.base.errors import PipelineError, TransientError
from data.records.events import Event
from data.shared_store.news import NewsWriter
from data.system.hardware import choose_parallel, threads_per_child
from data.workspace.store import Workspace
from flows.logs import configure_logs
from flows.settings import Settings, load_settings
from tasks.support.child_processes import Children, training_children
from tasks.support.progress import TaskEvent, watching
from tasks.training.remote import RemoteTraining
from tasks.training.train import train_variant, weights_of

LOOK_SECONDS = 20.0
"""How often this run, and the one that waits for the training, are looked at."""

ENDED = (StateType.CANCELLED, StateType.CANCELLING, StateType.FAILED)
"""States of that run in which nobody wants the training; after a crash it may be resumed, and then it does."""


@flow(name="train-variant", log_prints=False)
def train_for_another_host(training: RemoteTraining) -> str:
    """Train one variant; what it needs comes from the store of EMOTION_STORE, and what it makes goes there.

    Args:
        training: Which training; the run that asks for it fills this in.

    Returns:
        The key of the training.
    """
    configure_logs()
    # Without the store nobody gets the result, so it is waited for, whatever runs of this host's own do.
    settings = load_settings().model_copy(update={"store_outage": "fail"})
    training.require_versions()
    workspace = settings.open_workspace()
    with (
        NewsWriter(settings.open_store(), str(flow_run.id)) as news,
        watching(lambda _name, event: _pass_on(news, event)),
        training_children() as children,
        _ending_with(training.parent, children),
    ):
        try:
            _train(training, settings, workspace, children)
        except TransientError as error:  # then another host may try
            return Crashed(message=str(error))  # type: ignore[return-value]
    return training.key


def _train(training: RemoteTraining, settings: Settings, workspace: Workspace, children: Children) -> None:
    parallel = choose_parallel(settings.worker_limit, settings.worker_limit or 1)
    job, views = training.open(
        workspace, threads_per_child(parallel), settings.weights_dir, settings.allow_weight_download
    )
    training.require_key(job, views, weights_of(job, children))
    state = train_variant(job, views, workspace, children, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    if result.status != "trained":
        raise PipelineError(result.reason)


def _pass_on(news: NewsWriter, event: TaskEvent) -> None:
    if isinstance(event, Event):
        news.tell(event.model_dump_json())


@contextmanager
def _ending_with(parent: str, children: Children) -> Iterator[None]:
    """End the children of this run once nobody waits for them: Prefect would not.

    Either the run that waits was cancelled or failed, or it gave the training to another host, because this one was out
    of reach, and marked this run as crashed.
    """
    ended, own = threading.Event(), str(flow_run.id or "")
    logger = get_run_logger()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            if parent and _is_in(parent, ENDED):
                logger.warning("the run that waits for this training has ended: the training ends too")
            elif own and _is_in(own, (StateType.CRASHED,)):
                logger.warning("another host has this training now, since this one was out of reach: it ends here")
            else:
                continue
            children.stop()
            return

    thread = threading.Thread(target=watch, name="parent run", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LOOK_SECONDS)


def _is_in(run: str, states: Collection[StateType]) -> bool:
    """Tell whether a flow run is in one of these states; False if the server cannot be reached."""
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run).state  # type: ignore[arg-type]  # it takes a text too
    except httpx.HTTPError:
        return False
    return bool(state and state.type in states)
