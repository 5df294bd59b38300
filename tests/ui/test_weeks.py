"""A cold home under `emotion up` with its schedule on: the first week trains, those without news do nothing.

A week lasts a minute here. All of it is done on SQLite, and again on a PostgreSQL server of its own.
"""

from contextlib import nullcontext

import pytest

from data.sample.generate import SampleConfig, generate_sample
from flows.service.schedule import ScheduleChoice, read_schedule
from models.registry.champion import ModelRegistry
from tests.support.postgres import is_installed, postgres_server
from tests.support.up_command import API, Up, wait_until

pytestmark = [pytest.mark.ui, pytest.mark.timeout(3600)]

EVERY_MINUTE = "* * * * *"


class Weeks:
    """The scheduled runs of `retrain` on a server."""

    def __init__(self, up):
        self.up = up

    def ended(self):
        """Return state name, seconds and parameters of each ended run, the first one first."""
        filters = {"flows": {"name": {"any_": ["retrain"]}}, "sort": "START_TIME_ASC"}
        runs = API.post(f"{self.up.api}/flow_runs/filter", json=filters, timeout=60).json()
        return [
            (run["state"]["name"], round(run["total_run_time"])) for run in runs if run["state"]["type"] == "COMPLETED"
        ]

    def failed(self):
        filters = {"flow_runs": {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}}}
        return API.post(f"{self.up.api}/flow_runs/filter", json=filters, timeout=60).json()

    def wait_for(self, condition):
        def holds():
            assert not self.failed(), self.failed()
            return condition(self.ended())

        wait_until(holds, 1200)
        return self.ended()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_weeks_without_news_do_nothing_and_news_is_trained_on(database, tmp_path, capsys):
    if database == "postgresql" and not is_installed():
        pytest.skip("no PostgreSQL server of Debian's package here")
    images, workspace = tmp_path / "images", tmp_path / "workspace"
    generate_sample(images, SampleConfig())
    with postgres_server() if database == "postgresql" else nullcontext("") as url:
        up = Up(workspace, database_url=url, schedule_cron=EVERY_MINUTE)
        try:
            ended = live_for_some_weeks(up, images, workspace)
        finally:
            up.end()
        with capsys.disabled():
            print(f"\n{database}: {ended}")
    assert up.processes() == []


def live_for_some_weeks(up, images, workspace):
    weeks = Weeks(up)
    wait_until(up.is_ready)
    up.run("schedule", "on", "--source", str(images), "--preset", "smoke")
    first = weeks.wait_for(lambda ended: len(ended) >= 3)
    assert [name for name, _ in first] == ["Completed", "Nothing to do", "Nothing to do"]
    assert max(seconds for _, seconds in first[1:]) < 60

    news_images = images.with_name("news")
    generate_sample(news_images, SampleConfig(train_per_class=360, validation_per_class=120))
    # All news at once, right after a week has ended: a week in between would train on a part of it, and the next one
    # on the rest.
    seen = len(weeks.ended())
    weeks.wait_for(lambda ended: len(ended) > seen)
    images.rename(images.with_name("old"))
    news_images.rename(images)
    seen = len(weeks.ended())
    news = weeks.wait_for(lambda ended: [name for name, _ in ended[seen:]].count("Completed") >= 1)
    assert len(list(workspace.glob("reports/*/index.html"))) == 2
    assert len(list(workspace.glob("decisions/*/decision.json"))) == 2
    assert ModelRegistry(workspace).champion() >= 1

    up.end()
    assert up.processes() == []
    assert read_schedule(workspace) == ScheduleChoice(on=True, source=str(images), preset="smoke")
    up.start()
    wait_until(up.is_ready)
    last = weeks.wait_for(lambda ended: len(ended) > len(news))
    assert last[-1][0] == "Nothing to do", "the schedule is still on, and nothing was forgotten"
    return last
