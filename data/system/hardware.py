"""Hardware that a run uses: cores, memory, GPUs, and how trainings share them."""

import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from data.base.errors import PipelineError
from data.system.limits import cpu_quota, memory_limit_bytes

MOST_AT_ONCE = 2

TRAINING_BYTES = 1 << 30
"""Memory that a small training needs, measured: 0.94 to 1.03 GiB; the largest variants need 2.3 GiB."""


def describe_hardware() -> dict[str, str]:
    """Return processor, cores, memory and GPUs of this machine."""
    return {
        "processor": _processor_name(),
        "cores": str(usable_cores()),
        "memory": f"{total_memory_bytes() / 2**30:.0f} GiB",
        "gpus": ", ".join(gpu_names()) or "none",
        "system": platform.platform(terse=True),
    }


def describe_processor() -> str:
    """Return what computes here: the model of the processor, and each model of GPU that trainings may use."""
    gpus = gpu_names() if gpu_devices() else []
    return ", ".join(dict.fromkeys([_processor_name(), *gpus]))


def usable_cores() -> int:
    """Return how many cores this process may use, after the limit of a container or service; part of a core is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(cpu_quota() or cores)))


def gpu_names() -> list[str]:
    """Return the NVIDIA GPUs of this machine, without loading TensorFlow; none if the driver does not answer."""
    command = shutil.which("nvidia-smi")
    if not command:
        return []
    query = [command, "--query-gpu=name", "--format=csv,noheader"]
    try:
        outcome = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in outcome.stdout.splitlines() if line.strip()] if outcome.returncode == 0 else []


def gpu_devices() -> list[str]:
    """Return the GPUs that trainings may use, as CUDA_VISIBLE_DEVICES names them; if it is set, only those."""
    every = [str(number) for number in range(len(gpu_names()))]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not every or chosen is None:
        return every
    return [device.strip() for device in chosen.split(",") if device.strip() not in ("", "-1")]


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether this machine computes in bfloat16; otherwise it is emulated, many times slower than float32.

    Args:
        cpuinfo: Linux's list of the processor's features; if it cannot be read, the answer is yes.
    """
    try:
        processor = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        return True
    # AVX512_BF16 or AMX on x86, BF16 on ARM.
    return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", processor)) or bool(gpu_names())


def default_parallel() -> int:
    """Return how many variants to train at once: one per GPU; without a GPU, one per core, but at most two."""
    return len(gpu_devices()) or min(MOST_AT_ONCE, usable_cores())


def choose_parallel(asked: int, trainings: int) -> int:
    """Return how many trainings run at once.

    Args:
        asked: the number that a person asked for; 0 chooses it by cores, GPUs and memory.
        trainings: the number of all trainings.

    Raises:
        PipelineError: this machine, or the limit of this container, has too little memory for so many.
    """
    most = max(1, total_memory_bytes() // TRAINING_BYTES)
    chosen = min(asked or min(default_parallel(), most), trainings)
    if chosen > most:
        raise PipelineError(
            f"got {chosen} trainings at the same time, expected at most {most} in {total_memory_bytes() / 2**30:.1f} "
            f"GiB of memory, since each needs about {TRAINING_BYTES / 2**30:.2g} GiB: run with --parallel {most} or "
            "less, or raise the memory limit"
        )
    return chosen


def total_memory_bytes() -> int:
    """Return the memory of this machine, or the limit of this container or service if that is less."""
    total = psutil.virtual_memory().total
    return min(total, memory_limit_bytes() or total)


def threads_per_child(parallel: int) -> int:
    """Return the threads of one training so that `parallel` of them share the cores."""
    return max(1, usable_cores() // parallel)


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process so far, in bytes.

    Linux keeps `ru_maxrss` when a process starts another program, so that a child's value is never below its parent's.
    Therefore it is used only if /proc cannot be read.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        status = ""
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if peak:
        return int(peak[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
