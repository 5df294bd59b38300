"""Housekeeping at the end of a run."""

from prefect import get_run_logger
from prefect.settings import PREFECT_API_URL

from data.errors import TransientError
from data.prune import PrunePolicy
from data.workspace import Workspace
from flows.server import ends_with_its_runs
from flows.settings import Settings
from models.mlflow_prune import MlflowPruner
from models.registry import ModelRegistry
from tasks.housekeeping import prune_after_run


def keep_house(settings: Settings, workspace: Workspace) -> None:
    """Remove what neither the newest reports nor the champion need, unless the settings say never.

    A failure costs the run nothing; where MLflow, which knows the champion, is away, nothing is removed.

    Args:
        settings: how many reports stay.
        workspace: of the running flow.
    """
    if settings.keep_reports:
        try:
            protected = ModelRegistry(workspace.root).protected_keys()
        except TransientError as error:
            get_run_logger().warning("nothing is pruned, since the champion is not known: %s", error)
            return
        policy = PrunePolicy(keep=settings.keep_reports, protected=protected)
        owns_server = ends_with_its_runs(PREFECT_API_URL.value() or "", workspace.root)
        prune_after_run(workspace, policy, owns_server, [MlflowPruner(workspace.root)], return_state=True)
