"""Parent side of child commands: start them, follow their events, and end all of them."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from data.base.errors import ChildKilled, PipelineError, VariantUnavailable
from data.base.paths import PROJECT_ROOT
from data.base.record import Record
from data.records.events import ChildError
from data.system.hardware import gpu_devices
from models.jobs.events import ChildEvent, parse_event
from models.jobs.files import CHILD_LOG_NAME, SPEC_NAME
from tasks.support.gpu_slots import take_gpu
from tasks.support.progress import tell

logger = logging.getLogger(__name__)

TERMINATE_SECONDS = 10.0
SILENT_SECONDS = 30 * 60.0
"""Much longer than the longest time without an event: measuring a precision, or evaluating a variant."""

LOG_TAIL_LINES = 15


EventHandler = Callable[[ChildEvent], None]


def ignore_event(_event: ChildEvent) -> None:
    """Ignore an event: it only shows that the child is alive."""


class ChildStopped(PipelineError):
    """Error if a child was stopped because the run is ending; the child is not started again."""


class Children:
    """Child processes of one run; created by `training_children`.

    Args:
        devices: GPUs; each child gets one that no other child uses, and waits until one is free. Among several, it is
            one that fewest other processes have. Without any, children see the devices that this process sees.
    """

    def __init__(self, devices: Sequence[str] = ()) -> None:
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock = threading.Condition()
        self._stopping = False
        self._pooled = bool(devices)
        self._free = list(devices)

    def run(self, module: str, argument: Path, log: Path, on_event: EventHandler, threads: int = 1) -> None:
        """Run `python -m MODULE ARGUMENT` to its end, and pass each of its events to the watchers and to `on_event`.

        Args:
            module: the child command.
            argument: its one argument.
            log: file that gets what the child and its libraries print on stderr.
            on_event: called with every event but `error`, in this thread.
            threads: of the child's numeric libraries.

        Raises:
            ChildKilled: a signal ended it that this process did not send.
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
        """Return whether the run is ending: no child is started and nothing is waited for any more."""
        return self._stopping

    def stop(self) -> None:
        """End every child with SIGTERM, after 10 s with SIGKILL, and start no further child."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
            processes = list(self._processes)
        _end(processes)

    @contextmanager
    def _device(self) -> Iterator[dict[str, str]]:
        """Reserve a device that no other child uses; yields the environment that shows only this device."""
        if not self._pooled:
            yield {}
            return
        with self._lock:
            self._lock.wait_for(lambda: self._free or self._stopping)
            if self._stopping:
                raise ChildStopped("a child that waited for a GPU is not started: the run is ending")
            taken = ExitStack()
            device = taken.enter_context(take_gpu(self._free))
            self._free.remove(device)
        try:
            yield {"CUDA_VISIBLE_DEVICES": device}
        finally:
            taken.close()
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


def run_on_spec(
    children: Children, module: str, spec: Record, directory: Path, on_event: EventHandler, threads: int = 1
) -> None:
    """Run `python -m MODULE DIRECTORY` on a specification, which the child reads from DIRECTORY/spec.json.

    Once the child has done its work the file is removed: its paths are those of this host, and a stage has none.

    Raises:
        ChildKilled, ChildStopped, VariantUnavailable, PipelineError: see `Children.run`; the file stays then.
    """
    path = directory / SPEC_NAME
    path.write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    children.run(module, directory, directory / CHILD_LOG_NAME, on_event, threads=threads)
    path.unlink()


def run_alone(module: str, spec: Record, directory: Path, on_event: EventHandler) -> None:
    """Run `python -m MODULE DIRECTORY/spec.json`, the only child of its task, on a specification; see `run_on_spec`."""
    path, children = directory / SPEC_NAME, Children()
    path.write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    try:
        children.run(module, path, directory / CHILD_LOG_NAME, on_event)
    finally:
        children.stop()
    path.unlink()


@contextmanager
def training_children() -> Iterator[Children]:
    """Yield the children of a run, one for each GPU if there are any; all have ended when this block is left."""
    children = Children(gpu_devices())
    try:
        yield children
    finally:
        children.stop()


def child_environment(threads: int, scratch: str) -> dict[str, str]:
    """Return a child's environment.

    TensorFlow leaves generated sources in TMPDIR when its process is killed. It allocates and frees its buffers in
    every step, which is a few percent faster with huge pages; the tunable makes glibc ask for them.

    Args:
        threads: how many its libraries may use for one operation.
        scratch: directory for its temporary files.
    """
    return {
        **os.environ,
        "TMPDIR": scratch,
        "GLIBC_TUNABLES": ":".join(filter(None, ["glibc.malloc.hugetlb=1", os.environ.get("GLIBC_TUNABLES")])),
        "PYTHONPATH": _resolve_paths(os.environ.get("PYTHONPATH", "")),
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONUNBUFFERED": "1",
    }


def _resolve_paths(paths: str) -> str:
    """Make a list of folders absolute, because a child starts in the project's folder."""
    return os.pathsep.join(str(Path(path).resolve()) for path in paths.split(os.pathsep) if path)


def _events(process: subprocess.Popen[str]) -> Iterator[ChildEvent]:
    if process.stdout is None:
        raise RuntimeError("the child was started without a pipe for its events")
    for line in process.stdout:
        try:
            yield parse_event(line)
        except ValueError:
            logger.warning("a child printed a line that is no event: %s", line.strip()[:200])


def _follow(process: subprocess.Popen[str], on_event: EventHandler) -> tuple[int, ChildError | None]:
    """Pass on a child's events until it ends; return its status, and its error if it sent one."""
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
    """Ends a child that sends no event for so long that it must hang."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.error: ChildError | None = None
        self._process = process
        self._timer = self._start()

    def rearm(self) -> None:
        """Start the wait again: the child sent an event."""
        self._timer.cancel()
        self._timer = self._start()

    def disarm(self) -> None:
        """Stop watching."""
        self._timer.cancel()

    def _start(self) -> threading.Timer:
        timer = threading.Timer(SILENT_SECONDS, self._end_child)
        timer.daemon = True
        timer.start()
        return timer

    def _end_child(self) -> None:
        message = (
            f"the child sent no event for {SILENT_SECONDS / 60:.0f} minutes, expected one every few, and was ended: "
            "look for a full disk or a stuck network drive, then run again, which resumes after its last epoch"
        )
        self.error = ChildError(message=message)
        _end([self._process])


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """End processes with SIGTERM, and with SIGKILL if they are still alive after 10 s in all."""
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
