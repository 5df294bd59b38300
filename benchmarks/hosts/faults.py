"""What happens when a host, store or server fails during trainings: `python -m benchmarks.hosts.faults --out DIR`.

Each trial has empty workspaces and trains the same two networks on two workers. At a random moment something breaks,
and is put right later. Then it is checked that the run ended well, whether its figures are those of an undisturbed run,
and how many epochs were trained more than once.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.hosts.cluster import Cluster, cluster, write_preset

EPOCHS = 8

RUN_SECONDS = 1500
"""A run that takes longer counts as hanging."""

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class Outcome(NamedTuple):
    """What came of one trial."""

    fault: str
    moment: str
    seconds: float
    ended: str
    """ok, or what went wrong."""
    equal: bool
    """Whether all figures are those of the undisturbed run."""
    repeated: int
    """Epochs that were finished more than once, over both trainings."""


def kill_worker(on: Cluster, _run: "Running") -> None:
    """Kill a worker's host, and start its worker again a minute later."""
    on.workers[0].kill()
    _later(60, lambda: on.start_worker(on.workers[0]))


def cut_worker_off(on: Cluster, _run: "Running") -> None:
    """Take a worker's link down for 150 s: its training moves, and then it comes back."""
    on.workers[0].cut_off()
    _later(150, on.workers[0].join_again)


def lose_store(on: Cluster, _run: "Running", seconds: float = 30) -> None:
    """Take the store's link down."""
    on.store.cut_off()
    _later(seconds, on.store.join_again)


def lose_store_for_long(on: Cluster, run: "Running") -> None:
    """Take the store's link down for ten minutes."""
    lose_store(on, run, 600)


def kill_server(on: Cluster, _run: "Running") -> None:
    """Kill Prefect's server, and start it again 20 s later."""
    on.kill("server")
    _later(20, on.start_server)


def kill_parent(on: Cluster, run: "Running") -> None:
    """Kill the run with its host, and start it again from another one."""
    on.hosts["parent"].kill()
    run.start("second")


def start_twice(on: Cluster, run: "Running") -> None:
    """Start the same run on a second host too."""
    run.start("second")


def corrupt_store(on: Cluster, _run: "Running") -> None:
    """Change every object of the store by one byte."""
    from data.shared_store.objects import ObjectStore

    os.environ.update({name: value for name, value in on.variables.items() if name.startswith("AWS_")})
    store = ObjectStore(on.variables["EMOTION_STORE"])
    for name, _ in store.list("objects"):
        content = store.read(name)
        if content:
            store.write(name, content[:-1] + bytes([content[-1] ^ 1]))


def cut_uploads_off(on: Cluster, _run: "Running") -> None:
    """Take the store's link down four times for three seconds, so that uploads break in the middle."""
    for _ in range(4):
        on.store.cut_off()
        time.sleep(3)
        on.store.join_again()
        time.sleep(2)


def do_nothing(_on: Cluster, _run: "Running") -> None:
    """Break nothing: the undisturbed run, or one whose clock is wrong from the start."""


FAULTS: dict[str, Callable[[Cluster, "Running"], None]] = {
    "worker killed": kill_worker,
    "worker cut off": cut_worker_off,
    "store away 30 s": lose_store,
    "store away 10 min": lose_store_for_long,
    "server killed": kill_server,
    "parent killed": kill_parent,
    "two parents": start_twice,
    "clock 10 min wrong": do_nothing,
    "objects corrupted": corrupt_store,
    "uploads cut off": cut_uploads_off,
}


class Running:
    """The run of one trial, on one host or two.

    Args:
        on: the hosts.
        arguments: of `emotion run`.
    """

    def __init__(self, on: Cluster, arguments: Sequence[str]) -> None:
        self.on, self.arguments = on, arguments
        self.processes = {"parent": on.start_run("run-parent", arguments)}

    def start(self, host: str) -> None:
        """Start the same run on another host."""
        self.processes[host] = self.on.start_run(f"run-{host}", self.arguments, host)

    def wait(self) -> str:
        """Wait for the end of all runs; return "ok", or what went wrong with those that were not killed."""
        until, faults = time.monotonic() + RUN_SECONDS, []
        for host, process in self.processes.items():
            try:
                status = process.wait(max(1.0, until - time.monotonic()))
            except Exception as error:
                return f"{host}: it hangs ({type(error).__name__})"
            if status not in (0, -signal.SIGKILL):
                faults.append(f"{host}: status {status}")
        return "; ".join(faults) or "ok"


def try_fault(on: Cluster, fault: str, number: int, preset: Path, draw: random.Random) -> Outcome:
    """Run one trial."""
    on.begin_anew(f"{fault.replace(' ', '-')}-{number}")
    if fault == "clock 10 min wrong":
        on.workers[0].kill()
        on.start_worker(on.workers[0], LD_PRELOAD=str(FAKETIME), FAKETIME="+10m", FAKETIME_DONT_FAKE_MONOTONIC="1")
    began = time.monotonic()
    run = Running(on, ["--preset", str(preset), "--variants", "light", "--seeds", "2"])
    epoch, pause = draw.randint(1, EPOCHS - 3), round(draw.uniform(0, 3), 1)
    _wait_for_epoch(on, epoch)
    time.sleep(pause)
    FAULTS.get(fault, do_nothing)(on, run)
    ended = run.wait()
    host = "second" if "second" in run.processes else "parent"
    figures = _read_figures(on, host) if ended == "ok" else {}
    repeated = sum(count - 1 for count in on.count_epochs().values())
    kept = on.folder / "figures.json"
    if not kept.exists():
        kept.write_text(json.dumps(figures))
    return Outcome(
        fault,
        f"epoch {epoch} + {pause} s",
        round(time.monotonic() - began, 1),
        ended,
        figures == json.loads(kept.read_text()),
        repeated,
    )


def _read_figures(on: Cluster, host: str) -> dict[str, list[float | None]]:
    """Return validation accuracy and log loss of each variant, and the accuracy of each seed."""
    variants = [one for one in on.read_report(host).variants if one.status == "trained"]
    return {
        one.name: [
            one.parts["validation"].accuracy,
            one.parts["validation"].log_loss,
            *(repeat.validation_accuracy for repeat in one.repeats),
        ]
        for one in variants
    }


def _wait_for_epoch(on: Cluster, epoch: int) -> None:
    """Wait until any training has finished an epoch."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until and max((number for _, number in on.count_epochs()), default=0) < epoch:
        time.sleep(0.3)


def _later(seconds: float, act: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def main() -> None:
    """Try every fault so many times; print a row after each trial, and add it to DIR/outcomes.jsonl."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="empty directory for workspaces and logs")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--network", type=int, default=0, help="0 to 255; another one for a second call at the same time"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that the hosts are removed
    draw, preset = random.Random(options.seed), write_preset(options.out / "smoke-longer.json", EPOCHS)
    trials = [("none", 0), *((fault, number) for number in range(options.times) for fault in options.faults)]
    with cluster(2, options.out, options.network) as on:
        for fault, number in trials:
            outcome = try_fault(on, fault, number, preset, draw)
            with (options.out / "outcomes.jsonl").open("a") as file:
                file.write(json.dumps(outcome._asdict()) + "\n")
            print(" | ".join(map(str, outcome)), flush=True)


if __name__ == "__main__":
    main()
