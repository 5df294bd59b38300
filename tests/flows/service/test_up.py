"""`emotion up` on a workspace of its own: everything answers, comes back after a kill, and leaves nothing.

One start serves every test of this module, in their order: the last one ends it.
"""

import signal
import socket

import psutil
import pytest
import requests
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from data.base.errors import PipelineError
from flows.cli.last_run import last_run
from flows.server.environment import RUN_ENVIRONMENT
from flows.server.password import password_path
from flows.server.shared import ends_with_its_runs, find_kept_server, prefect_server
from flows.service.automations import apply_automations, with_explicit_defaults
from flows.service.deploy import JOB_TEMPLATE, deploy_flows, make_pool
from flows.service.parts import POOL
from flows.service.schedule import SCHEDULED, ScheduleChoice, apply_schedule, read_schedule
from flows.service.up import part_states, run_up
from tests.support.up_command import SLOW_SECONDS, Up, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FOREIGN = {"Origin": "http://foreign.example"}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
PATHS = {
    "server": "/api/admin/version",
    "mlflow": "/api/2.0/mlflow/experiments/search?max_results=1",
    "reports": "/reports/",
    "serve": "/metrics",
    "review": "/start",
}


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    started = Up(tmp_path_factory.mktemp("up") / "my faces é 100%20 #1 [x]")  # what a path may hold
    wait_until(started.is_ready)
    yield started
    started.end()


@pytest.fixture
def client(up, monkeypatch):
    """A client of the server, which subprocesses use too."""
    for name, value in {**RUN_ENVIRONMENT, "PREFECT_API_URL": up.api, "PREFECT_API_AUTH_STRING": up.login}.items():
        monkeypatch.setenv(name, value)
    with (
        temporary_settings({PREFECT_API_URL: up.api, PREFECT_API_AUTH_STRING: up.login}),
        get_client(sync_client=True) as found,
    ):
        yield found


@pytest.mark.parametrize("part", PATHS)
def test_a_part_answers_its_own_account_and_nobody_else(up, part):
    """Another account of this machine, a foreign page and a host name that leads here: each against every port."""
    login, url = tuple(up.login.split(":")), up.addresses[part] + PATHS[part]

    def status(method="GET", auth=login, **headers):
        return requests.request(method, url, auth=auth, headers=headers, timeout=60).status_code

    assert status() == 200
    assert status(Origin=up.addresses[part]) == 200
    assert status(auth=None) == 401
    assert status(auth=(login[0], "wrong")) == 401
    assert status(Host="foreign.example") in (400, 403)
    assert status(Host=f"foreign.example:{up.addresses[part].rsplit(':')[-1]}") in (400, 403)
    preflight = requests.options(url, headers={**FOREIGN, **PREFLIGHT}, timeout=60)
    assert preflight.status_code in (400, 403)
    assert "access-control-allow-origin" not in preflight.headers
    posted = requests.post(url, data=b"{}", auth=login, headers=FOREIGN, timeout=60)  # needs no preflight
    assert posted.status_code == 403
    assert "access-control-allow-origin" not in posted.headers


def test_everything_answers_the_right_password(up):
    login = tuple(up.login.split(":"))
    assert "Reports" in requests.get(up.addresses["reports"], auth=login, timeout=60).text
    assert requests.get(f"{up.addresses['server']}/ui-settings", timeout=60).json()["api_url"] == "/api"
    assert password_path(up.settings.workspace).stat().st_mode & 0o777 == 0o600


def test_the_password_says_who_may_log_in_and_status_where_it_is(up):
    said = up.run("status").stdout
    assert "log in: user and password are in" in " ".join(said.split())
    assert str(password_path(up.settings.workspace)) in said.replace("\n", "")


def test_nothing_listens_elsewhere(up):
    listening = {
        connection.laddr.ip
        for process in up.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_no_secret_is_in_a_log_or_a_command_line(up):
    texts = [up.log.read_text(), *(" ".join(process.cmdline()) for process in up.processes())]
    folder = up.settings.workspace / "up"
    texts += [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    assert len(texts) > 8
    assert not any(up.login.partition(":")[2] in text for text in texts)


def test_every_part_runs_and_a_second_up_says_so(up):
    running = dict.fromkeys(("server", "worker", "mlflow", "reports", "serve", "review"), "RUNNING")

    def states():
        return {part.name: part.state for part in part_states(up.record(), up.settings.workspace)}

    wait_until(lambda: states() == running, 60)  # a part is so once it was up for some seconds
    with pytest.raises(PipelineError, match=rf"is up already \(process {up.process.pid}\)"):
        run_up(up.settings, print, print)


def test_runs_use_the_kept_server_and_leave_it(up, monkeypatch):
    workspace = up.settings.workspace
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert find_kept_server(workspace) == up.api
    with prefect_server(workspace, SLOW_SECONDS) as url:
        assert url == up.api
        assert not ends_with_its_runs(url, workspace)
    assert requests.get(f"{up.api}/health", timeout=60).ok
    assert find_kept_server(workspace) == up.api


def test_flows_are_deployed_one_run_at_a_time(client):
    assert client.read_work_pool(POOL).type == "process"
    for name in ("retrain", "ingest", "audit", "tune", "promote", "rollback"):
        deployment = client.read_deployment_by_name(f"{name}/{name}")
        assert deployment.description
        assert deployment.enforce_parameter_schema
        assert deployment.global_concurrency_limit.limit == 1
        assert deployment.concurrency_options.collision_strategy == "ENQUEUE"


def schedules(client):
    """Return whether each schedule is active, its cron and its parameters, by deployment and slug."""
    found = {}
    for name in SCHEDULED:
        for schedule in client.read_deployment_by_name(f"{name}/{name}").schedules:
            found[name, schedule.slug] = (schedule.active, schedule.schedule.cron, schedule.parameters)
    return found


def test_a_schedule_is_off_until_switched_on_and_survives_a_deploy(up, client):
    workspace = up.settings.workspace
    usual = {("retrain", "weekly"): "0 3 * * 1", ("ingest", "daily"): "0 1 * * *"}
    assert schedules(client) == {key: (False, cron, {}) for key, cron in usual.items()}
    up.run("schedule", "on", "--source", "sample")
    on = {key: (True, cron, {"source": "sample"}) for key, cron in usual.items()}
    assert schedules(client) == on
    assert read_schedule(workspace) == ScheduleChoice(on=True, source="sample")
    make_pool()
    deploy_flows(up.settings)
    apply_schedule(read_schedule(workspace), cron="*/1 * * * *")
    assert schedules(client) == {key: (True, "*/1 * * * *", {"source": "sample"}) for key in usual}
    apply_schedule(ScheduleChoice())
    assert not any(active for active, _, _ in schedules(client).values())


def test_a_worker_runs_what_the_form_starts_and_a_bad_value_starts_nothing(client):
    retrain = client.read_deployment_by_name("retrain/retrain")
    with pytest.raises(PrefectHTTPStatusError, match="parallel"):
        client.create_flow_run_from_deployment(retrain.id, parameters={"parallel": 65})
    assert client.read_flow_runs() == []
    ingest = client.read_deployment_by_name("ingest/ingest")
    run = client.create_flow_run_from_deployment(ingest.id, parameters={"source": "sample"})
    wait_until(lambda: client.read_flow_run(run.id).state.is_final())
    assert client.read_flow_run(run.id).state.name == "Completed"
    assert last_run().state == "Completed"


def test_a_run_with_its_own_command_is_refused_and_a_foreign_deployment_does_not_run(client, tmp_path):
    ingest = client.read_deployment_by_name("ingest/ingest")
    for variables in ({"command": f"touch {tmp_path / 'ran'}"}, {"env": {"PYTHONPATH": str(tmp_path)}}):
        with pytest.raises(PrefectHTTPStatusError, match="Additional properties are not allowed"):
            client.create_flow_run_from_deployment(ingest.id, job_variables=variables)
    foreign = client.create_deployment(
        ingest.flow_id,
        "foreign",
        work_pool_name=POOL,
        entrypoint=ingest.entrypoint,
        pull_steps=[{"prefect.deployments.steps.run_shell_script": {"script": f"touch {tmp_path / 'ran'}"}}],
    )
    run = client.create_flow_run_from_deployment(foreign)
    wait_until(lambda: client.read_flow_run(run.id).state.is_final())
    state = client.read_flow_run(run.id).state
    assert state.name == "Crashed"
    assert "which this worker does not start" in state.message
    assert not (tmp_path / "ran").exists()


def test_a_pool_with_another_template_gets_ours(client):
    ours = client.read_work_pool(POOL).base_job_template
    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=ProcessWorker.get_default_base_job_template()))
    make_pool()
    assert client.read_work_pool(POOL).base_job_template == ours == JOB_TEMPLATE


def when_written(up):
    """Return id and time of the last change of each automation."""
    found = requests.post(f"{up.api}/automations/filter", json={}, auth=tuple(up.login.split(":")), timeout=60).json()
    return {automation["id"]: automation["updated"] for automation in found}


def test_automations_are_made_once_and_as_meant(up, client):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    ours = lambda: {found.name: found for found in client.read_automations()}  # noqa: E731
    watches = {"emotion: mark dead runs crashed", "emotion: mark lost starts crashed"}
    assert set(ours()) == watches
    with pytest.raises(PipelineError, match="no such block"):
        apply_automations("slack-webhook/team")
    CustomWebhookNotificationBlock(name="x", url="http://127.0.0.1:9/x", json_data={"text": "{{body}}"}).save("team")
    notifying = apply_automations("custom-webhook/team")
    written = when_written(up)
    assert set(ours()) == {*notifying, *watches}
    assert len(written) == len(notifying) + 2 == 7
    apply_automations("custom-webhook/team")
    assert when_written(up) == written
    again = ours()
    dead, lost = (again[name] for name in sorted(watches))
    assert dead.trigger.within.total_seconds() == 90
    assert dead.trigger.posture.value == "Proactive"
    assert dead.actions[0].state.value == "CRASHED"
    assert lost.trigger.within.total_seconds() == 300
    overdue = again["emotion: no retrain for 8 days"]
    assert overdue.trigger.within.days == 8
    assert overdue.trigger.match_related.model_dump()["prefect.resource.name"] == ["retrain"]
    assert {action.type for name in notifying for action in again[name].actions} == {"send-notification"}
    failed = again["emotion: run failed or crashed"]
    for one in (dead, failed):
        client.update_automation(one.id, with_explicit_defaults(one.model_copy(update={"description": "older"})))
    apply_automations("custom-webhook/team")
    assert {found.description for found in client.read_automations()} == {
        dead.description,
        lost.description,
        failed.description,
    }
    apply_automations("")
    assert {found.id for found in client.read_automations()} == {dead.id, lost.id}


def test_a_server_that_is_killed_comes_back(up):
    server = next(process for process in up.processes() if "flows.server.process" in process.cmdline()[:4])
    server.kill()
    server.wait(30)

    def answers():
        try:
            return requests.get(f"{up.api}/health", timeout=5).ok
        except requests.RequestException:
            return False

    wait_until(answers)
    assert up.process.poll() is None
    assert find_kept_server(up.settings.workspace) == up.api


def test_ctrl_c_leaves_no_process_and_no_port(up):
    assert up.processes()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(SLOW_SECONDS) == 0
    assert up.processes() == []
    assert find_kept_server(up.settings.workspace) == ""
    settings = up.settings
    pages = (settings.reports_port, settings.serve_port, settings.review_port)
    for port in (settings.prefect_port, settings.mlflow_port, *pages):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
