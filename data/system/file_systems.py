"""Kinds of file systems, to find a workspace on one of the network."""

from pathlib import Path

import psutil

NETWORK_KINDS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "beegfs",
    "afs",
    "fuse.sshfs",
)
"""Kinds as Linux names them in /proc/mounts."""


def network_file_system(path: Path) -> str:
    """Return the kind of the file system that holds a path if other hosts can have it too, else "".

    A path that does not exist yet counts as its nearest parent that does.
    """
    place = path.resolve()
    mounted = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    kind = next((mounted[parent] for parent in (place, *place.parents) if parent in mounted), "")
    return kind if kind in NETWORK_KINDS else ""
