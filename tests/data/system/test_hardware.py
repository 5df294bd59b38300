"""What is said of the machine, also where its tools do not answer."""

import subprocess
import sys

import numpy as np
import pytest

from data.base.paths import PROJECT_ROOT
from data.system import hardware
from data.system.provenance import code_version


@pytest.fixture(params=[OSError("not executable"), subprocess.TimeoutExpired("command", 20)], ids=["error", "timeout"])
def failing_commands(request, monkeypatch):
    def fail(*arguments, **options):
        raise request.param

    monkeypatch.setattr(subprocess, "run", fail)


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("flags : fma avx2 avx512f avx512_bf16 amx_tile", True),
        ("Features : fp asimd i8mm bf16 dgh", True),
        ("flags : fma avx2 avx512f", False),
    ],
    ids=["AVX512_BF16", "ARM", "without"],
)
def test_bfloat16_is_found_among_what_the_processor_can_do(tmp_path, monkeypatch, flags, has):
    monkeypatch.setattr(hardware, "gpu_names", list)
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    assert hardware.has_bfloat16(tmp_path / "cpuinfo") is has
    assert hardware.has_bfloat16(tmp_path / "none")


def test_a_driver_that_does_not_answer_costs_its_gpus_alone(failing_commands, monkeypatch):
    monkeypatch.setattr(hardware.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert hardware.describe_hardware()["gpus"] == "none"


@pytest.mark.parametrize(("chosen", "named"), [(None, "P, H200, L4"), ("", "P")])
def test_what_computes_is_named_with_the_gpus_that_may_be_used(monkeypatch, chosen, named):
    monkeypatch.setattr(hardware, "gpu_names", lambda: ["H200", "H200", "L4"])
    monkeypatch.setattr(hardware, "_processor_name", lambda: "P")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert hardware.describe_processor() == named


def test_a_git_that_does_not_answer_costs_the_commit_alone(failing_commands):
    assert code_version() == "unknown"


def test_peak_memory_is_the_processs_own_whatever_its_parent_used():
    ballast = np.ones(2**28, dtype=np.uint8)  # far more than the child will have
    script = "from data.system.hardware import peak_memory_bytes; print(peak_memory_bytes())"
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT, timeout=60
    )
    assert 2**20 < int(child.stdout) < ballast.nbytes < hardware.peak_memory_bytes()


@pytest.mark.parametrize(
    ("chosen", "devices", "parallel"), [(None, ["0", "1", "2"], 3), ("2, 0", ["2", "0"], 2), ("-1", [], 1), ("", [], 1)]
)
def test_trainings_have_the_gpus_that_the_environment_leaves(monkeypatch, chosen, devices, parallel):
    monkeypatch.setattr(hardware, "gpu_names", lambda: ["A"] * 3)
    monkeypatch.setattr(hardware, "usable_cores", lambda: 1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert hardware.gpu_devices() == devices
    assert hardware.default_parallel() == parallel
