"""Automations of the Prefect server: notifications, and marking dead runs as crashed."""

from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from data.base.errors import PipelineError
from flows.server.environment import HEARTBEAT_SECONDS
from tasks.support.events import CHAMPION_CHANGED, DATA_DRIFTED, DATA_REJECTED, SCORES_DRIFTED

MISSED_HEARTBEATS = 3
START_SECONDS = 300
"""Seconds after which a run whose process was started has reported, or has no process any more.
Prefect gives the run's place in the queue to the next one at the same time."""

OVERDUE = timedelta(days=8)
WEBHOOK_TYPE = "webhook"

RUN_FAILED_BODY = """{{ flow.name }}/{{ flow_run.name }} is {{ flow_run.state.name }}: {{ flow_run.state.message }}
{{ flow_run|ui_url }}"""
EVENT_BODY = """{{ event.event }} at {{ event.occurred }}: {{ event.payload | tojson }}"""
OVERDUE_BODY = "No retrain was completed for 8 days: look at its runs, and at emotion status."


def find_dead_runs() -> AutomationCore:
    """Return the automation that marks a run as crashed if it misses heartbeats.

    Every other event of the run ends the wait, because a run that is paused, suspended or waiting for its retry sends
    no heartbeat. The wait starts again with the next heartbeat.
    """
    seconds = MISSED_HEARTBEATS * HEARTBEAT_SECONDS
    return _crash_silent(
        name="emotion: mark dead runs crashed",
        description=f"A run that misses {MISSED_HEARTBEATS} heartbeats is dead: its process or its machine is gone.",
        after={"prefect.flow-run.heartbeat"},
        seconds=seconds,
        message=f"No heartbeat for {seconds} s: its process or machine is gone. A retry resumes it.",
    )


def find_lost_starts() -> AutomationCore:
    """Return the automation that marks a run as crashed if its process was started and never reported.

    A run that is killed between its start and its first heartbeat, together with its worker, would be pending for ever.
    """
    return _crash_silent(
        name="emotion: mark lost starts crashed",
        description=f"A run that is pending for {START_SECONDS} s has lost its process and its worker.",
        after={"prefect.flow-run.Pending", "prefect.flow-run.Submitting"},
        seconds=START_SECONDS,
        message=f"Started and not heard of for {START_SECONDS} s: its process is gone. A retry starts it again.",
    )


def _crash_silent(name: str, description: str, after: set[str], seconds: float, message: str) -> AutomationCore:
    """Return the automation that crashes a run of which nothing is heard for some seconds after one of these events."""
    crash: ActionTypes = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", force=False, message=message)
    return AutomationCore(
        name=name,
        description=description,
        trigger=EventTrigger(
            posture=Posture.Proactive,
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            after=after,
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        actions=[crash],
    )


def list_watches() -> list[AutomationCore]:
    """Return the automations that mark runs as crashed whose process is gone."""
    return [find_dead_runs(), find_lost_starts()]


def list_notifications(block: "NotifyBlock") -> list[AutomationCore]:
    """Return the automations that notify a block."""
    return [
        _notify(
            "emotion: run failed or crashed",
            EventTrigger(
                expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"},
                match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            ),
            block.action("An emotion run failed", RUN_FAILED_BODY),
        ),
        _notify(
            "emotion: data refused", EventTrigger(expect={DATA_REJECTED}), block.action("Data refused", EVENT_BODY)
        ),
        _notify("emotion: data drifted", EventTrigger(expect={DATA_DRIFTED}), block.action("Data drifted", EVENT_BODY)),
        _notify(
            "emotion: scored faces drifted",
            EventTrigger(expect={SCORES_DRIFTED}),
            block.action("Scored faces drifted", EVENT_BODY),
        ),
        _notify(
            "emotion: champion changed",
            EventTrigger(expect={CHAMPION_CHANGED}),
            block.action("Champion changed", EVENT_BODY),
        ),
        _notify(
            "emotion: no retrain for 8 days",
            EventTrigger(
                posture=Posture.Proactive,
                expect={"prefect.flow-run.Completed"},
                match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
                match_related=ResourceSpecification(
                    {"prefect.resource.role": ["flow"], "prefect.resource.name": ["retrain"]}
                ),
                threshold=1,
                within=OVERDUE,
            ),
            block.action("No retrain for 8 days", OVERDUE_BODY),
        ),
    ]


class NotifyBlock:
    """Prefect block that is notified: a `webhook`, or a block that sends a message.

    Args:
        name: type and name of the block, such as slack-webhook/team.
        client: client of the server that stores the block.

    Raises:
        PipelineError: the server has no such block.
    """

    def __init__(self, name: str, client: SyncPrefectClient) -> None:
        self.type, _, document = name.partition("/")
        try:
            self.id: UUID = client.read_block_document_by_name(document, self.type, include_secrets=False).id
        except ObjectNotFound as error:
            raise PipelineError(
                f"got EMOTION_NOTIFY_BLOCK={name}, but the server has no such block: create it in the UI under Blocks, "
                "or leave the setting empty to get no notifications"
            ) from error

    def action(self, subject: str, body: str) -> ActionTypes:
        """Return the action that sends a message; Prefect fills the event into it."""
        if self.type == WEBHOOK_TYPE:
            return CallWebhook(block_document_id=self.id, payload=f"{subject}: {body}")
        return SendNotification(block_document_id=self.id, subject=subject, body=body)


def apply_automations(notify_block: str) -> list[str]:
    """Create or update this project's automations in the server of PREFECT_API_URL, and delete those not wanted.

    An automation that is right already is not updated: an update would restart its 8 days.

    Args:
        notify_block: type and name of the block that is notified; empty: no notifications.

    Returns:
        The names of the automations that notify.

    Raises:
        PipelineError: the server has no such block.
    """
    with get_client(sync_client=True) as client:
        notifications = list_notifications(NotifyBlock(notify_block, client)) if notify_block else []
        wanted = {automation.name: automation for automation in (*list_watches(), *notifications)}
        for found in client.read_automations():
            if found.name.startswith("emotion: "):
                _keep_one(found, wanted, client)
        for automation in wanted.values():
            client.create_automation(automation)
    return [automation.name for automation in notifications]


def _keep_one(found: Automation, missing: dict[str, AutomationCore], client: SyncPrefectClient) -> None:
    """Update an automation of this project and remove it from those that are missing; delete a duplicate."""
    automation = missing.pop(found.name, None)
    if automation is None:
        client.delete_automation(found.id)
    elif not _equals(found, automation):
        client.update_automation(found.id, with_explicit_defaults(automation))


def with_explicit_defaults(automation: AutomationCore) -> AutomationCore:
    """Return the automation with every default set explicitly, as the client's update needs it.

    The client leaves out defaults that were not set, and the server then refuses the update. It refuses
    `owner_resource` too, so that stays out.
    """
    return AutomationCore.model_validate(automation.model_dump(exclude={"owner_resource"}))


def _equals(found: Automation, wanted: AutomationCore) -> bool:
    """Tell whether an automation needs no update; an automation that a user switched off never needs one."""
    if not found.enabled:
        return True
    fields = {"description", "trigger", "actions"}
    return found.model_dump(include=fields, exclude={"trigger": {"id"}}) == wanted.model_dump(include=fields)


def _notify(name: str, trigger: EventTrigger, action: ActionTypes) -> AutomationCore:
    return AutomationCore(name=name, description="Made by emotion up.", trigger=trigger, actions=[action])
