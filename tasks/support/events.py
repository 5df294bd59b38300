"""Prefect events that the flows emit in addition to Prefect's own, for automations."""

from typing import Any

from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL

DATA_REJECTED = "emotion.data.rejected"
DATA_DRIFTED = "emotion.data.drifted"
SCORES_DRIFTED = "emotion.scores.drifted"
CHAMPION_CHANGED = "emotion.champion.changed"
APPROVAL_REQUESTED = "emotion.approval.requested"


def emit(event: str, subject: str, **payload: Any) -> None:
    """Emit an event from the running flow; if there is no server, or it cannot be reached, nothing happens.

    Args:
        event: its name.
        subject: what it is about, such as a data set's key.
        payload: JSON-serialisable details.
    """
    if not PREFECT_API_URL.value():
        return  # Prefect would start a temporary server that nobody watches
    resource = {"prefect.resource.id": f"emotion.{subject}", "prefect.resource.name": subject}
    emit_event(event=event, resource=resource, payload=payload)
