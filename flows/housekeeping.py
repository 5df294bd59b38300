"""Housekeeping at the end of a run."""

from collections.abc import Iterable

from prefect.settings import PREFECT_API_URL

from data.prune import PrunePolicy
from data.workspace import Workspace
from flows.server import ends_with_its_runs
from flows.settings import Settings
from tasks.housekeeping import prune_after_run


def keep_house(settings: Settings, workspace: Workspace, protected: Iterable[str] = ()) -> None:
    """Remove what the newest reports do not need, unless the settings say never; a failure costs the run nothing.

    Args:
        settings: how many reports stay.
        workspace: of the running flow.
        protected: keys of stages that stay with all they were made from, such as the champion's.
    """
    if settings.keep_reports:
        policy = PrunePolicy(keep=settings.keep_reports, protected=frozenset(protected))
        owns_server = ends_with_its_runs(PREFECT_API_URL.value() or "", workspace.root)
        prune_after_run(workspace, policy, owns_server, return_state=True)
