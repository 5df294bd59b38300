"""Checks of this machine for `emotion doctor`, each with advice if it fails."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from data.base.errors import PipelineError, VariantUnavailable
from data.system.file_systems import network_file_system
from data.system.hardware import default_parallel, gpu_names, usable_cores
from data.system.limits import available_memory_bytes, cpu_quota, memory_limit_bytes
from data.system.provenance import code_version, package_versions
from data.workspace.mark import find_mark
from flows.cli.package_origin import ROOT, find_foreign_package
from flows.server.environment import API_URL_VARIABLE
from flows.server.shared import server_answers
from flows.settings import ENV_FILE, Settings, find_unknown_names, name_variable
from models.weights.locate import WEIGHTS_FILES, find_weights

LEAST_MEMORY_GIB = 4
LEAST_DISK_GIB = 5
SUPPORTED_PYTHON = ((3, 11), (3, 13))


@dataclass(frozen=True)
class Check:
    """Result of one check."""

    name: str
    ok: bool
    seen: str
    advice: str = ""


def examine(settings: Settings, fault: str = "") -> Iterator[Check]:
    """Yield the result of every check of this machine, the quick checks first.

    Args:
        settings: of this machine, with defaults in place of wrong ones.
        fault: what is wrong with its settings; empty if nothing is.
    """
    yield _python()
    foreign = find_foreign_package()
    yield Check(name="imports", ok=not foreign, seen=foreign or f"from {ROOT}", advice="correct the import path")
    yield Check(
        name="packages", ok=True, seen=", ".join(f"{k} {v}" for k, v in package_versions().items() if k != "python")
    )
    yield Check(name="code", ok=True, seen=code_version())
    yield Check(name="cores", ok=True, seen=_cores())
    yield _memory()
    yield Check(name="gpu", ok=True, seen=", ".join(gpu_names()) or "none; training uses the CPU")
    yield _settings(fault)
    yield from map(_unknown_name, find_unknown_names())
    yield _workspace(settings.workspace)
    yield _disk(settings.workspace)
    yield _file_system(settings.workspace)
    yield _server()
    for backbone in WEIGHTS_FILES:
        yield _weights(backbone, settings)


def _python() -> Check:
    version = sys.version_info[:2]
    lowest, highest = SUPPORTED_PYTHON
    return Check(
        name="python",
        ok=lowest <= version <= highest,
        seen=".".join(map(str, version)),
        advice="install Python 3.11, 3.12 or 3.13, then run make",
    )


def _cores() -> str:
    quota = cpu_quota()
    limit = f", by a limit of {quota:g} cores on this container or service" if quota else ""
    return f"{usable_cores()}{limit}; {default_parallel()} trainings at the same time"


def _memory() -> Check:
    available, limit = available_memory_bytes() / 2**30, memory_limit_bytes()
    of_group = f", by a limit of {limit / 2**30:.1f} GiB on this container or service" if limit else ""
    return Check(
        name="memory",
        ok=available >= LEAST_MEMORY_GIB,
        seen=f"{available:.1f} GiB available{of_group}",
        advice=f"provide {LEAST_MEMORY_GIB} GiB, or run with --parallel 1",
    )


def _workspace(workspace: Path) -> Check:
    path = workspace.resolve()
    try:
        find_mark(path)
    except PipelineError as error:
        return Check(name="workspace", ok=False, seen=str(error))
    parent = _existing_folder(path)
    return Check(
        name="workspace",
        ok=os.access(parent, os.W_OK),
        seen=f"{path}" if path.exists() else f"{path}, created by the first run",
        advice="set EMOTION_WORKSPACE to a directory that you can write to",
    )


def _existing_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _settings(fault: str) -> Check:
    if fault:
        return Check(name="settings", ok=False, seen=fault, advice="the lines below take the default instead")
    path = Path(ENV_FILE).resolve()
    return Check(name="settings", ok=True, seen=f"from {path}" if path.exists() else "from the environment alone")


def _unknown_name(name: str) -> Check:
    near = get_close_matches(name, map(name_variable, Settings.model_fields), n=1)
    meant = f"; {near[0]} is one" if near else ""
    return Check(
        name="settings",
        ok=False,
        seen=f"{name} is no setting and has no effect{meant}",
        advice="correct the name, or remove it; docs/settings.md lists all",
    )


def _file_system(workspace: Path) -> Check:
    kind = network_file_system(workspace)
    return Check(
        name="file system",
        ok=not kind,
        seen=f"{kind}, which other hosts may have too" if kind else "of this machine",
        advice="put the workspace on a local disk, and share results by EMOTION_STORE: docs/scale.md says why",
    )


def _disk(workspace: Path) -> Check:
    path = workspace.resolve()
    free = shutil.disk_usage(_existing_folder(path)).free / 2**30
    return Check(
        name="disk",
        ok=free >= LEAST_DISK_GIB,
        seen=f"{free:.0f} GiB free",
        advice=f"free {LEAST_DISK_GIB} GiB, or set EMOTION_WORKSPACE to another disk",
    )


def _server() -> Check:
    url = os.environ.get(API_URL_VARIABLE)
    if not url:
        return Check(name="prefect server", ok=True, seen="no PREFECT_API_URL; a run starts a server on 127.0.0.1")
    return Check(
        name="prefect server",
        ok=server_answers(url),
        seen=url,
        advice="start the server, or unset PREFECT_API_URL",
    )


def _weights(backbone: str, settings: Settings) -> Check:
    name = f"weights of {backbone}"
    try:
        return Check(name=name, ok=True, seen=str(find_weights(backbone, settings.weights_dir, allow_download=False)))
    except VariantUnavailable:
        seen = "not found; a run tries to download them, and skips their variants if that fails"
        return Check(name=name, ok=False, seen=seen, advice=WEIGHTS_FILES[backbone].remedy)
