"""Runs of a deployment on the workers of a pool: start one, look at it, end it.

Prefect never ends a run because the run that started it failed or ended, and a run whose host vanished stays as it was:
the caller has to look after both.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Crashed

from data.base.errors import PipelineError, TransientError

Answer = TypeVar("Answer")

API_SECONDS = 600.0
"""For so long a server that cannot be reached is waited for."""

PAUSE_SECONDS = 2.0

TAG = "emotion"


class PoolRuns:
    """Runs of one deployment.

    Args:
        client: of Prefect's server.
        flow: name of the flow.
        pool: name of the work pool, and of the deployment on it.
        variables: of each job. Those that the pool's template does not have are left out: a pool of processes has none.

    Raises:
        PipelineError: no worker has offered the pool yet.
    """

    def __init__(self, client: SyncPrefectClient, flow: str, pool: str, variables: dict[str, Any]) -> None:
        self.client = client
        try:
            self._deployment = self._ask(lambda: client.read_deployment_by_name(f"{flow}/{pool}")).id
            template = self._ask(lambda: client.read_work_pool(pool)).base_job_template
        except ObjectNotFound:
            raise PipelineError(
                f"got the pool {pool!r}, which no worker has offered to this server, expected one: run `emotion worker "
                f"--pool {pool}` on a host first, or `emotion deploy --kubernetes {pool}` for a cluster"
            ) from None
        taken = template.get("variables", {}).get("properties", {})
        self._variables = {name: value for name, value in variables.items() if name in taken}

    def start(self, name: str, parameters: dict[str, Any], once: str) -> FlowRun:
        """Start a run, or return the one that was started before under the same mark.

        Args:
            name: of the run.
            parameters: of the flow.
            once: mark of this start.
        """
        return self._ask(
            lambda: self.client.create_flow_run_from_deployment(
                self._deployment,
                parameters=parameters,
                name=name,
                idempotency_key=once,
                tags=[TAG],
                job_variables=self._variables,
            )
        )

    def look(self, run: UUID) -> FlowRun:
        """Return the run as it is now."""
        return self._ask(lambda: self.client.read_flow_run(run))

    def cancel(self, run: UUID) -> None:
        """Ask for the end of a run; its worker ends the process."""
        state = self.look(run).state
        if state and not state.is_final():
            waits = state.type in (StateType.SCHEDULED, StateType.PENDING)
            self._ask(lambda: self.client.set_flow_run_state(run, Cancelled() if waits else Cancelling()))

    def crash(self, run: UUID, message: str) -> None:
        """Mark a run whose host vanished as crashed; nothing else would."""
        self._ask(lambda: self.client.set_flow_run_state(run, Crashed(message=message), force=True))

    def _ask(self, request: Callable[[], Answer]) -> Answer:
        """Carry out a request; wait for a server that cannot be reached."""
        until, told = time.monotonic() + API_SECONDS, False
        while True:
            try:
                return request()
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
                    raise
                if time.monotonic() >= until:
                    raise TransientError(
                        f"got no answer from Prefect's server for {API_SECONDS:.0f} s ({error!r:.200}), expected one: "
                        "check that it runs, then run again: finished trainings are kept"
                    ) from None
                if not told:
                    get_run_logger().warning("Prefect's server cannot be reached (%r); waiting for it", error)
                    told = True
                time.sleep(PAUSE_SECONDS)
