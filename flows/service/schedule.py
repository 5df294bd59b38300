"""Schedule of the deployments: a choice that is stored in the workspace and applied after every deploy.

Imports prefect only to apply it, so that `emotion schedule` answers at once.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.base.record import Record
from data.workspace.atomic import write_atomically
from data.workspace.mark import claim_root

SCHEDULED = ("retrain", "ingest", "score")
SCHEDULE_NAME = "schedule.json"


class ScheduleChoice(Record):
    """Last choice of `emotion schedule`, stored as workspace/schedule.json."""

    on: bool = False
    source: str = ""
    """Data set of scheduled runs; empty: the data set of the deployment."""
    preset: str = ""
    """Preset of scheduled retraining; empty: the preset of the deployment."""

    data_format: FormatChoice | None = None
    """What is said of the format of the data set; None: what the deployment says."""

    faces: Literal["", "given", "find"] = ""
    """How the images of the data set are taken, see `flows.parameters.Faces`; empty: as the deployment says."""

    photos: str = ""
    """Photos that are scored every night; empty: none are."""

    def is_active(self, flow: str) -> bool:
        """Return whether a flow runs on its schedule."""
        return self.on and (flow != "score" or bool(self.photos))

    def parameters_of(self, flow: str) -> dict[str, Any]:
        """Return the parameters of a scheduled run that replace the deployment's own."""
        if flow == "score":
            return {"source": self.photos} if self.photos else {}
        chosen = {
            "source": self.source,
            "preset": self.preset if flow == "retrain" else "",
            "data_format": self.data_format.model_dump(mode="json") if self.data_format else None,
            "faces": self.faces,
        }
        return {name: choice for name, choice in chosen.items() if choice}


def read_schedule(workspace: Path) -> ScheduleChoice:
    """Return the stored choice; off if there is none.

    Raises:
        PipelineError: workspace/schedule.json is not a stored choice.
    """
    path = workspace.resolve() / SCHEDULE_NAME
    try:
        return ScheduleChoice.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return ScheduleChoice()
    except ValidationError as error:
        raise PipelineError(
            f"got {path}, which is not a stored schedule ({error.errors()[0]['msg']}): run emotion schedule on or off"
        ) from error


def write_schedule(choice: ScheduleChoice, workspace: Path) -> None:
    """Store the choice in the workspace."""
    root = workspace.resolve()
    claim_root(root)
    write_atomically(root / SCHEDULE_NAME, choice.model_dump_json())


def apply_schedule(choice: ScheduleChoice, cron: str = "") -> None:
    """Switch the schedules of the deployments in the server of PREFECT_API_URL on or off.

    Args:
        choice: on or off, with the data set and the preset.
        cron: times of the runs instead of those in prefect.yaml, to try a schedule out.

    Raises:
        PipelineError: the cron expression is not valid, or a deployment is missing.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.exceptions import ObjectNotFound

    try:
        other = CronSchedule(cron=cron, timezone="UTC") if cron else None
    except ValidationError as error:
        raise PipelineError(f"got EMOTION_SCHEDULE_CRON={cron}, expected cron's five fields: {error}") from error
    with get_client(sync_client=True) as client:
        for name in SCHEDULED:
            try:
                deployment = client.read_deployment_by_name(f"{name}/{name}")
            except ObjectNotFound as error:
                raise PipelineError(f"the server has no deployment {name}: run emotion deploy") from error
            for schedule in client.read_deployment_schedules(deployment.id):
                client.update_deployment_schedule(
                    deployment.id,
                    schedule.id,
                    active=choice.is_active(name),
                    schedule=other,
                    parameters=choice.parameters_of(name),
                )
