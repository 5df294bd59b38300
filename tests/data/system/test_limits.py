"""Limits of control groups, in the forms in which kernels and container engines write them."""

from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.system import hardware
from data.system.limits import cpu_quota, memory_limit_bytes


@pytest.fixture
def groups(tmp_path):
    """Return a function that writes files of control groups and the list of a process's groups."""

    def write(membership: str, **files: str) -> tuple[Path, Path]:
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "mount" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path / "mount", tmp_path / "membership"

    return write


def test_the_strictest_of_the_groups_around_a_service_holds(groups):
    mount, membership = groups(
        "0::/system.slice/emotion.service\n",
        **{
            "system.slice/emotion.service/cpu.max": "max 100000",
            "system.slice/emotion.service/memory.max": "8589934592",
            "system.slice/cpu.max": "150000 100000",
            "system.slice/memory.max": "2147483648",
            "cpu.max": "400000 100000",
        },
    )
    assert cpu_quota(mount, membership) == 1.5
    assert memory_limit_bytes(mount, membership) == 2 << 30


def test_a_container_sees_its_own_group_as_the_root(groups):
    mount, membership = groups("0::/\n", **{"cpu.max": "200000 100000", "memory.max": "max"})
    assert cpu_quota(mount, membership) == 2
    assert memory_limit_bytes(mount, membership) is None


def test_version_1_has_a_hierarchy_for_each_controller(groups):
    mount, membership = groups(
        "9:name=systemd:/x\n4:memory:/docker/a\n2:cpu,cpuacct:/docker/a\n0::/\n",
        **{
            "cpu,cpuacct/docker/a/cpu.cfs_quota_us": "50000",
            "cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000",
            "cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/docker/a/memory.limit_in_bytes": "1073741824",
            "memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert cpu_quota(mount, membership) == 0.5
    assert memory_limit_bytes(mount, membership) == 1 << 30


def test_without_groups_nothing_limits(groups, tmp_path):
    assert cpu_quota(tmp_path, tmp_path / "missing") is None
    mount, membership = groups("4:memory:/\n", **{"memory/memory.limit_in_bytes": "9223372036854771712"})
    assert memory_limit_bytes(mount, membership) is None
    assert cpu_quota(mount, membership) is None


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (0.5, 1), (1.9, 1), (3.0, 3), (64.0, 8)])
def test_cores_are_those_that_the_limit_leaves(monkeypatch, quota, cores):
    monkeypatch.setattr(hardware.os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(hardware, "cpu_quota", lambda: quota)
    assert hardware.usable_cores() == cores


def test_trainings_at_once_fit_into_the_memory(monkeypatch):
    monkeypatch.setattr(hardware, "memory_limit_bytes", lambda: 2 << 30)
    monkeypatch.setattr(hardware, "default_parallel", lambda: 4)
    assert hardware.choose_parallel(0, 8) == 2
    assert hardware.choose_parallel(64, 1) == 1
    with pytest.raises(PipelineError, match="got 8 trainings at the same time, expected at most 2"):
        hardware.choose_parallel(64, 8)
    monkeypatch.setattr(hardware, "memory_limit_bytes", lambda: 1 << 28)
    assert hardware.choose_parallel(0, 8) == 1
