"""Hosts that work together: a hub with Prefect's server on PostgreSQL and a store, a parent, and workers."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.command import EMOTION, read_newest_results
from benchmarks.hosts.network import Host, network
from data.base.paths import PROJECT_ROOT
from data.records.run import RunResults

POOL, BUCKET, LOGIN = "hosts", "faces", "emotion:hosts-on-one-machine"

API_PORT, STORE_PORT, DATABASE_PORT = 4200, 9000, 5432

START_SECONDS = 120

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

EPOCH = re.compile(r"Task run '(train [^']+)' - .*: epoch (\d+)/\d+, loss")


class Cluster:
    """The running hosts.

    Args:
        hosts: hub, parent and workers by name.
        folder: for logs.
    """

    def __init__(self, hosts: Mapping[str, Host], folder: Path) -> None:
        self.hosts, self.folder, self.hub, self.store = hosts, folder, hosts["hub"], hosts["store"]
        self.workers = [host for name, host in hosts.items() if name.startswith("worker")]
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self.variables = {
            "PREFECT_API_URL": f"http://{self.hub.address}:{API_PORT}/api",
            "EMOTION_PREFECT_AUTH": LOGIN,
            "EMOTION_STORE": f"s3://{BUCKET}/team",
            "AWS_ENDPOINT_URL": f"http://{self.store.address}:{STORE_PORT}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "COLUMNS": "160",
        }

    def start_database(self) -> None:
        """Start PostgreSQL on the hub, with an empty database."""
        data = self.hub.folder / "postgres"
        data.mkdir(exist_ok=True)
        for place in (data, *data.parents[:3]):
            place.chmod(0o755)
        shutil.chown(data, "postgres", "postgres")
        self._as_postgres("initdb", "-D", str(data), "--auth=trust", "--username=prefect", "--no-sync")
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={DATABASE_PORT} -c unix_socket_directories={data} -c fsync=off"
        )
        self._as_postgres("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
        self._as_postgres("createdb", "-h", "127.0.0.1", "-p", str(DATABASE_PORT), "-U", "prefect", "prefect")

    def start_server(self) -> None:
        """Start Prefect's server on the hub, and wait until it answers the other hosts."""
        variables = {
            "EMOTION_DATABASE_URL": f"postgresql://prefect@127.0.0.1:{DATABASE_PORT}/prefect",
            "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://prefect@127.0.0.1:{DATABASE_PORT}/prefect",
            "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
            "PREFECT_HOME": str(self.hub.folder / "prefect"),
            "EMOTION_HOST_NAMES": self.hub.address,
        }
        command = [sys.executable, "-m", "flows.server.process", self.hub.address, str(API_PORT)]
        self._start("server", self.hub, command, variables)
        health = f"http://{self.hub.address}:{API_PORT}/api/health"
        self._wait_for(["curl", "-sf", "-m", "3", "-u", LOGIN, health])

    def start_store(self) -> None:
        """Start the store on its host."""
        command = [sys.executable, "-m", "benchmarks.hosts.store", self.store.address, str(STORE_PORT), BUCKET]
        self._start("store", self.store, command, {})
        self._wait_for(["curl", "-s", "-m", "3", f"http://{self.store.address}:{STORE_PORT}/{BUCKET}"])

    def start_worker(self, host: Host, **variables: str) -> None:
        """Start the worker of a host."""
        command = [str(EMOTION), "worker", "--pool", POOL, "--name", host.name]
        self._start(host.name, host, command, {**self.variables, **variables})

    def start_run(self, name: str, arguments: Sequence[str], host: str = "parent") -> subprocess.Popen[bytes]:
        """Start `emotion run` on a host, its trainings on the workers; its log gets the name."""
        command = [str(EMOTION), "run", *arguments, "--on", POOL, "--plain"]
        return self._start(name, self.hosts[host], command, self.variables)

    def start_run_alone(self, name: str, arguments: Sequence[str], host: str = "parent") -> subprocess.Popen[bytes]:
        """Start `emotion run` on a host that trains by itself, without the store; its log gets the name."""
        variables = {key: value for key, value in self.variables.items() if key != "EMOTION_STORE"}
        return self._start(name, self.hosts[host], [str(EMOTION), "run", *arguments, "--plain"], variables)

    def ask(self, path: str, **body: object) -> list[dict[str, Any]]:
        """Return what Prefect's server answers to a filter, as a list of JSON objects; empty if there is no such path.

        Args:
            path: after /api/, such as "flow_runs/filter".
            **body: of the request.
        """
        url = f"{self.variables['PREFECT_API_URL']}/{path}"
        user, _, password = LOGIN.partition(":")
        answer = httpx.post(url, json=body, auth=(user, password), timeout=30, trust_env=False)
        return [] if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()

    def wait_for_workers(self) -> None:
        """Wait until every worker asks for work."""
        until = time.monotonic() + START_SECONDS
        while True:
            found = self.ask(f"work_pools/{POOL}/workers/filter")
            online = {worker["name"] for worker in found if worker["status"] == "ONLINE"}
            if online >= {host.name for host in self.workers}:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"got the workers {sorted(online)} after {START_SECONDS} s: see {self.folder}")
            time.sleep(0.5)

    def begin_anew(self, prefix: str, with_workers: bool = True) -> None:
        """Give all hosts empty workspaces, and an empty part of the store, for another trial."""
        self.variables["EMOTION_STORE"] = f"s3://{BUCKET}/{prefix}"
        for name, host in self.hosts.items():
            if name not in ("hub", "store"):
                host.kill()
                host.join_again()
                shutil.rmtree(host.workspace, ignore_errors=True)
        for log in self.folder.glob("*.log"):
            if log.stem not in ("server", "store") and "-before-" not in log.stem:
                log.replace(log.with_name(f"{prefix}-before-{log.name}"))
        for host in self.workers if with_workers else ():
            self.start_worker(host)

    def kill(self, part: str, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal to a part, and to all of its process group."""
        os.killpg(self._parts[part].pid, signal_number)
        if signal_number == signal.SIGKILL:
            self._parts[part].wait()

    def read_log(self, part: str) -> str:
        """Return what a part printed."""
        return (self.folder / f"{part}.log").read_text(errors="replace")

    def count_epochs(self) -> Counter[tuple[str, int]]:
        """Count how often each epoch of each training was finished, on all workers."""
        found = [EPOCH.findall(self.read_log(host.name)) for host in self.workers]
        return Counter((title, int(epoch)) for of_host in found for title, epoch in of_host)

    def find_hosts(self) -> dict[str, str]:
        """Return the worker that trained each training, the last one if it moved, by the name of its task."""
        return {title: host.name for host in self.workers for title, _ in EPOCH.findall(self.read_log(host.name))}

    def read_report(self, host: str = "parent") -> RunResults:
        """Return the results of the newest report of a host."""
        return read_newest_results(self.hosts[host].workspace)

    def _start(
        self, part: str, host: Host, command: Sequence[str], variables: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{part}.log").open("ab") as log:
            process = host.start(command, {"PYTHONPATH": str(PROJECT_ROOT), **variables}, log)
        self._parts[part] = process
        return process

    def _wait_for(self, command: Sequence[str]) -> None:
        until = time.monotonic() + START_SECONDS
        probe = ["ip", "netns", "exec", self.hosts["parent"].namespace, *command]
        while subprocess.run(probe, stdout=subprocess.DEVNULL, check=False).returncode:
            if time.monotonic() > until:
                raise RuntimeError(f"{command} did not succeed within {START_SECONDS} s: see the logs in {self.folder}")
            time.sleep(0.5)

    def _as_postgres(self, program: str, *arguments: str) -> None:
        lead = ["ip", "netns", "exec", self.hub.namespace, "setpriv", "--reuid=postgres", "--regid=postgres"]
        command = [*lead, "--clear-groups", str(POSTGRES[-1] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=START_SECONDS)


@contextmanager
def cluster(workers: int, folder: Path, number: int = 0) -> Iterator[Cluster]:
    """Start the hub, and so many workers, on the network of this number; end all of it when the block is left."""
    names = ["hub", "store", "parent", "second", *(f"worker{number}" for number in range(1, workers + 1))]
    with network(names, folder, number) as hosts:
        made = Cluster(hosts, folder)
        made.start_database()
        made.start_store()
        made.start_server()
        yield made


def write_preset(path: Path, epochs: int) -> Path:
    """Write the preset smoke with more epochs, so that there is time for a fault."""
    from models.catalog.presets import load_preset

    preset = load_preset("smoke").model_dump(mode="json")
    for recipe in (preset["train"], *preset["recipes"].values()):
        recipe["epochs"] = epochs
    path.write_text(json.dumps(preset))
    return path
