"""A run of `retrain` under `emotion up`, looked at and retried as the UI does it, and kills of every part."""

import re
import signal
import time
from contextlib import suppress

import psutil
import requests

from data.records.training import VariantResult
from data.views.augment import LIGHT_AUGMENT
from models.catalog.presets import Preset
from models.catalog.train_config import TrainConfig
from tests.support.up_command import API, wait_until

LEFT_SECONDS = 30
PERSON_SECONDS = 10
"""How long a person takes to press Retry: Prefect 3.8's worker reports a dead process twice, the second time about 5 s
after the first, and would take a run that is retried in between for dead again."""

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Training:
    """A run of `retrain` that trains one network for so many epochs, started as from its form."""

    def __init__(self, up, folder, epochs, seed):
        self.up, self.epochs, self.seed, self.started = up, epochs, seed, time.monotonic()
        self.preset = folder / f"of-seed-{seed}.json"
        recipe = TrainConfig(epochs=epochs, batch_size=32, optimizer="adam", learning_rate=1e-3, precision="float32")
        chosen = Preset(description="one", variants=("compact",), augment=LIGHT_AUGMENT, views=2, train=recipe)
        self.preset.write_text(chosen.model_dump_json())
        self.start()

    def start(self):
        """Start a run with these parameters; the last one is looked at."""
        wait_until(self.is_answered, 300)
        deployment = self.get("deployments/name/retrain/retrain")["id"]
        parameters = {"source": "sample", "preset": str(self.preset), "seed": self.seed}
        made = self.post(f"deployments/{deployment}/create_flow_run", parameters=parameters)
        self.id, self.name, self.asked = made["id"], made["name"], time.monotonic()

    def get(self, path):
        answer = API.get(f"{self.up.api}/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def post(self, path, **body):
        answer = API.post(f"{self.up.api}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def is_answered(self):
        """Tell whether the server answers: it may be the one that was killed."""
        with suppress(requests.RequestException):
            return API.get(f"{self.up.api}/ready", timeout=10).ok
        return False

    def state(self):
        with suppress(requests.RequestException):  # the server may be the one that was killed
            return self.get(f"flow_runs/{self.id}")["state"]["type"]
        return "UNKNOWN"

    def logged(self):
        """Return what the run logged, as the UI shows it."""
        found, of_run = [], {"flow_run_id": {"any_": [self.id]}}
        while page := self.post("logs/filter", logs=of_run, limit=200, offset=len(found), sort="TIMESTAMP_ASC"):
            found += page
        return [line["message"] for line in found]

    def finished_epochs(self):
        return [int(number) for line in self.logged() for number in re.findall(r"compact: epoch (\d+)/\d+, loss", line)]

    def wait_for_epoch(self, number):
        wait_until(lambda: number in self.finished_epochs(), 900)

    def wait_for_end(self):
        wait_until(lambda: self.state() in ENDED, 1800)
        return self.state()

    def set_state(self, type_, name):
        """Ask for another state, as the UI's Retry and Cancel do."""
        self.post(f"flow_runs/{self.id}/set_state", state={"type": type_, "name": name, "message": "from the UI"})

    def retry(self):
        time.sleep(PERSON_SECONDS)
        self.set_state("SCHEDULED", "AwaitingRetry")

    def trainer(self):
        """Return the process that trains."""
        found = [process for process in self.up.processes() if "models.training.fit" in words_of(process)]
        assert len(found) == 1, found
        return found[0]

    def left(self):
        """Return what is still there of the run: its parent and its children."""
        return [
            process for process in self.up.processes() if {"models.training.fit", "prefect.engine"} & words_of(process)
        ]

    def check(self):
        """Check that every epoch was trained, none twice, and that nothing is left; return how many there are."""
        results = [
            VariantResult.model_validate_json(path.read_text())
            for path in self.up.settings.workspace.glob("variants/*/result.json")
        ]
        (result,) = [one for one in results if one.train_config["epochs"] == self.epochs]
        assert [epoch.epoch for epoch in result.epochs] == list(range(1, self.epochs + 1))
        logged = self.finished_epochs()
        assert len(logged) == len(set(logged)), f"trained twice: {sorted({n for n in logged if logged.count(n) > 1})}"
        wait_until(lambda: not self.left(), LEFT_SECONDS)
        return len(result.epochs)


def words_of(process):
    try:
        return set(process.cmdline())
    except psutil.Error:
        return set()


def kill(processes):
    assert processes
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def servers(up):
    return [process for process in up.processes() if "flows.server.process" in words_of(process)]


def kill_server_for_ten_seconds(up, training):
    kill(servers(up))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for process in servers(up):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.2)


def kill_worker(up, training):
    kill([process for process in up.processes() if "flows.service.worker" in words_of(process)])


def kill_mlflow(up, training):
    kill([process for process in up.processes() if process.environ().get("EMOTION_UP_PART") == "mlflow"])


def kill_parent(up, training):
    kill([training.trainer().parent()])


def kill_everything(up, training):
    """Kill all at once, as a power cut does, and start again."""
    every = [psutil.Process(up.process.pid), *up.processes()]
    for process in every:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)  # so that none sees another's end and does something about it
    kill(every)
    up.process.wait(60)
    psutil.wait_procs(every, timeout=60)
    up.start()
    wait_until(up.is_ready)
