"""Stages of two workspaces, compared by the checksums of their files; and the ingest that makes them."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from data.workspace.stage_record import find_damage, list_records
from tests.support.emotion_command import EMOTION

INGEST = ("ingest", "--source", "sample")


def digest_stages(root: Path) -> dict[tuple[str, str], str]:
    """Return stage and key of each finished stage with a digest of what its files are; each must be undamaged."""
    return dict(whole_stages(root))


def whole_stages(root: Path) -> set[tuple[tuple[str, str], str]]:
    """Return the same as a set of pairs."""
    return set(_digests(root))


def _digests(root: Path) -> Iterator[tuple[tuple[str, str], str]]:
    for record, path in list_records(root):
        damage = find_damage(path, contents=True)
        assert not damage, f"{path}: {damage}"
        digest = hashlib.sha256(repr(sorted(record.files.items())).encode()).hexdigest()
        yield (record.stage, record.key), digest


def start_command(root: Path, *arguments: str) -> subprocess.Popen:
    """Start the `emotion` command in a workspace, without a reserve of room, against the server in PREFECT_API_URL."""
    environment = {**os.environ, "EMOTION_WORKSPACE": str(root), "EMOTION_RESERVE_BYTES": "0", "COLUMNS": "200"}
    return subprocess.Popen(
        [EMOTION, *arguments], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
