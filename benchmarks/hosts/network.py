"""Hosts as network namespaces: each has an address, a slow and lossy link, and processes that end with it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

BRIDGE, SUBNET = "emhosts", "10.77"

DELAY_MILLISECONDS, LOSS_PERCENT = 5, 0.5
"""Of each packet that a host sends."""


class Host:
    """One host.

    Args:
        name: at most eight letters.
        number: last part of its address.
        folder: for its home and its workspace.
        of: number of its network.
    """

    def __init__(self, name: str, number: int, folder: Path, of: int = 0) -> None:
        self.name, self.address, self.folder = name, f"{SUBNET}.{of}.{number}", folder
        self.namespace, self.outer = f"em{of}-{name}", f"emv{of}-{number}"
        self.workspace = folder / "workspace"
        self.cores = ""
        """Cores of this machine that its processes may use, as taskset names them; empty for all."""
        self._groups: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, command: Sequence[str], variables: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a command on the host, in a process group of its own."""
        confined = ["taskset", "--cpu-list", self.cores] if self.cores else []
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *confined, *command],
            env={**os.environ, "HOME": str(self.folder), "EMOTION_WORKSPACE": str(self.workspace), **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._groups.append(process)
        return process

    def kill(self) -> None:
        """End everything on the host at once, as a loss of power does."""
        found = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=False)
        for pid in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for process in self._groups:
            process.wait()
        self._groups.clear()

    def cut_off(self) -> None:
        """Take its link down; its processes stay."""
        _ip("link", "set", self.outer, "down")

    def join_again(self) -> None:
        """Put its link up."""
        _ip("link", "set", self.outer, "up")


@contextmanager
def network(names: Sequence[str], folder: Path, number: int = 0) -> Iterator[dict[str, Host]]:
    """Make hosts on one bridge; remove them with all their processes when the block is left.

    Args:
        names: of the hosts.
        folder: gets a folder for each.
        number: of the network, 0 to 255; those with different numbers do not meet.
    """
    hosts = {name: Host(name, last, folder / name, number) for last, name in enumerate(names, start=10)}
    bridge = f"{BRIDGE}{number}"
    _remove(hosts, bridge)
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("link", "set", bridge, "up")
        _ip("addr", "add", f"{SUBNET}.{number}.1/24", "dev", bridge)  # of this machine, which looks into the store
        for host in hosts.values():
            _add(host, bridge)
        yield hosts
    finally:
        _remove(hosts, bridge)


def _add(host: Host, bridge: str) -> None:
    inside = ["-n", host.namespace]
    _ip("netns", "add", host.namespace)
    _ip("link", "add", host.outer, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    _ip("link", "set", host.outer, "master", bridge)
    _ip("link", "set", host.outer, "up")
    _ip(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "link", "set", "lo", "up")
    shape = ["netem", "delay", f"{DELAY_MILLISECONDS}ms", "loss", f"{LOSS_PERCENT}%"]
    shaped = subprocess.run(["tc", *inside, "qdisc", "add", "dev", "eth0", "root", *shape], capture_output=True)
    if shaped.returncode:
        print(f"{host.name}: its link is fast and loses nothing, because this kernel has no netem")


def _remove(hosts: Mapping[str, Host], bridge: str) -> None:
    for host in hosts.values():
        host.kill()
        _ip("netns", "del", host.namespace, check=False)
        _ip("link", "del", host.outer, check=False)
    _ip("link", "del", bridge, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, stderr=None if check else subprocess.DEVNULL)
