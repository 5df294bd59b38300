"""Digests of files, values and source code: what stage keys are made of."""

import ast
import hashlib
import json
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from data.base.paths import PROJECT_ROOT

ROOMS = ("flows", "tasks", "expectations", "models", "reports", "data")


def checksum_files(root: Path) -> dict[str, tuple[int, str]]:
    """Return size in bytes and SHA-256 of every file below `root`, by relative POSIX path."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): (path.stat().st_size, hash_file(path)) for path in files}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """Return a 16-digit hex key of a JSON-serialisable value, whatever the order of its mappings."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_sources(modules: Iterable[str]) -> str:
    """Return a key of the sources of these project modules and of all project modules they import.

    Modules of the room `tasks` count where they are named and not where they are imported: a child's start, a log line
    or a run's page is no part of a result, and a change there would have every data set and training made again. Other
    packages do not count: their versions are the lock's business and part of a run's lineage.
    """
    pending, seen = list(modules), set()
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending.extend(name for name in _project_imports(module) if not name.startswith("tasks."))
    return hash_json({module: hashlib.sha256(_source(module)).hexdigest() for module in sorted(seen)})


@cache
def _source(module: str) -> bytes:
    return _source_path(module).read_bytes()


def _source_path(module: str) -> Path:
    path = PROJECT_ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


_parsing = threading.Lock()
"""Before Python 3.11.8 and 3.12.2 two threads that parse at once can fail: they share a counter (gh-106905)."""


@cache
def _project_imports(module: str) -> frozenset[str]:
    found: set[str] = set()
    with _parsing:
        tree = ast.parse(_source(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(name for name in found if name.split(".")[0] in ROOMS and _source_path(name).is_file())
