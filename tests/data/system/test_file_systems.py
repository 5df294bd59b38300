"""A workspace on a file system of the network is recognised, also before it exists."""

from collections import namedtuple

import psutil
import pytest

from data.system.file_systems import network_file_system

Partition = namedtuple("Partition", "mountpoint fstype")


@pytest.mark.parametrize(("kind", "expected"), [("nfs4", "nfs4"), ("cifs", "cifs"), ("ext4", ""), ("overlay", "")])
def test_the_nearest_mount_counts(kind, expected, tmp_path, monkeypatch):
    mounts = [Partition("/", "ext4"), Partition(str(tmp_path), kind), Partition(str(tmp_path / "other"), "nfs")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert network_file_system(tmp_path / "new" / "workspace") == expected


def test_this_machine_has_local_disks(tmp_path):
    assert network_file_system(tmp_path) == ""
