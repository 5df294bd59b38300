"""The parent's half of child commands: start them, follow their events, and never leave one behind."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from data.base.errors import ChildKilled, PipelineError, VariantUnavailable
from data.base.paths import PROJECT_ROOT
from data.records.events import ChildError
from data.system.hardware import gpu_devices
from models.jobs.events import ChildEvent, parse_event
from tasks.support.progress import tell

logger = logging.getLogger(__name__)

TERMINATE_SECONDS = 10.0
SILENT_SECONDS = 30 * 60.0
"""Far more than the longest steps without an event take: the measuring of a precision, the evaluation of a variant."""

LOG_TAIL_LINES = 15


EventHandler = Callable[[ChildEvent], None]


def ignore_event(_event: ChildEvent) -> None:
    """Take an event that says no more than that the child lives."""


class ChildStopped(PipelineError):
    """Report a child that was stopped because its run ends; it is not started again."""


class Children:
    """The child processes of one run; make them with `training_children`.

    Args:
        devices: GPUs, of which each child gets one to itself; a child waits for a free one. Without any, children see
            what this process sees.
    """

    def __init__(self, devices: Sequence[str] = ()) -> None:
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock = threading.Condition()
        self._stopping = False
        self._pooled = bool(devices)
        self._free = list(devices)

    def run(self, module: str, argument: Path, log: Path, on_event: EventHandler, threads: int = 1) -> None:
        """Run `python -m MODULE ARGUMENT` to its end, handing on each of its events.

        Args:
            module: the child command.
            argument: its one argument.
            log: file that gets what the child and its libraries print on stderr.
            on_event: called with every event but `error`, in this thread.
            threads: of the child's numeric libraries.

        Raises:
            ChildKilled: a signal ended it and nobody here sent that signal.
            ChildStopped: the run is ending.
            VariantUnavailable, PipelineError: what the child reported, that it failed without a report, or that it
                hung.
        """
        with TemporaryDirectory(prefix="emotion-") as scratch, self._device() as device:
            process = self._start(module, argument, log, child_environment(threads, scratch) | device)
            try:
                status, error = _follow(process, on_event)
            except BaseException:
                _end([process])
                raise
            finally:
                with self._lock:
                    self._processes.discard(process)
                _close_pipes(process)
        self._judge(module, status, error, log)

    def is_stopping(self) -> bool:
        """Return whether the run is ending: nothing is started or waited for any more."""
        return self._stopping

    def stop(self) -> None:
        """End every child, first asking (SIGTERM), after 10 s without asking (SIGKILL); start none any more."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
            processes = list(self._processes)
        _end(processes)

    @contextmanager
    def _device(self) -> Iterator[dict[str, str]]:
        """Hold a device that no other child has, as the environment that shows it alone."""
        if not self._pooled:
            yield {}
            return
        with self._lock:
            self._lock.wait_for(lambda: self._free or self._stopping)
            if self._stopping:
                raise ChildStopped("a child that waited for a GPU is not started: the run is ending")
            device = self._free.pop(0)
        try:
            yield {"CUDA_VISIBLE_DEVICES": device}
        finally:
            with self._lock:
                self._free.append(device)
                self._lock.notify()

    def _start(self, module: str, argument: Path, log: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
        with self._lock, log.open("a", encoding="utf-8") as stderr:
            if self._stopping:
                raise ChildStopped(f"{module} is not started: the run is ending")
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(argument)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=PROJECT_ROOT,
                env=environment,
                text=True,
            )
            self._processes.add(process)
        return process

    def _judge(self, module: str, status: int, error: ChildError | None, log: Path) -> None:
        if status == 0:
            return
        if self._stopping:
            raise ChildStopped(f"{module} was stopped: the run is ending")
        if error:
            raise (VariantUnavailable if error.skipped else PipelineError)(error.message)
        if status < 0:
            name = signal.Signals(-status).name
            raise ChildKilled(f"{module} was ended by {name}; out of memory is a common cause of SIGKILL")
        raise PipelineError(f"{module} left with status {status} and no report; the end of {log}:\n{_tail(log)}")


@contextmanager
def training_children() -> Iterator[Children]:
    """Hold the children of a run, one a GPU where there are some: whatever ends this block, none outlives it."""
    children = Children(gpu_devices())
    try:
        yield children
    finally:
        children.stop()


def child_environment(threads: int, scratch: str) -> dict[str, str]:
    """Return a child's environment.

    TensorFlow leaves generated sources in TMPDIR when its process is killed. Its buffers come and go with every step,
    which costs a few percent less in the huge pages that glibc asks for where it is told to.

    Args:
        threads: how many its libraries may use for one operation.
        scratch: directory for its temporary files.
    """
    return {
        **os.environ,
        "TMPDIR": scratch,
        "GLIBC_TUNABLES": ":".join(filter(None, ["glibc.malloc.hugetlb=1", os.environ.get("GLIBC_TUNABLES")])),
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONUNBUFFERED": "1",
    }


def _events(process: subprocess.Popen[str]) -> Iterator[ChildEvent]:
    if process.stdout is None:
        raise RuntimeError("the child was started without a pipe for its events")
    for line in process.stdout:
        try:
            yield parse_event(line)
        except ValueError:
            logger.warning("a child printed a line that is no event: %s", line.strip()[:200])


def _follow(process: subprocess.Popen[str], on_event: EventHandler) -> tuple[int, ChildError | None]:
    """Hand on a child's events until it ends; return its status, and its event `error` where there is one."""
    error: ChildError | None = None
    watchdog = Watchdog(process)
    try:
        for event in _events(process):
            watchdog.rearm()
            if isinstance(event, ChildError):
                error = event
            else:
                tell(event)
                on_event(event)
        return process.wait(), watchdog.error or error
    finally:
        watchdog.disarm()


class Watchdog:
    """End a child that sends no event for so long that it must hang; its own deadlines do not help it then."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.error: ChildError | None = None
        self._process = process
        self._timer = self._start()

    def rearm(self) -> None:
        """Take an event of the child as a sign of life."""
        self._timer.cancel()
        self._timer = self._start()

    def disarm(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _start(self) -> threading.Timer:
        timer = threading.Timer(SILENT_SECONDS, self._end_child)
        timer.daemon = True
        timer.start()
        return timer

    def _end_child(self) -> None:
        message = (
            f"the child sent no event for {SILENT_SECONDS / 60:.0f} minutes, expected one every few, and was ended: "
            "look for a full disk or a stuck network drive, then run again, which goes on from its last epoch"
        )
        self.error = ChildError(message=message)
        _end([self._process])


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """End processes: they have 10 s together after SIGTERM, then comes SIGKILL."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + TERMINATE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _close_pipes(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
