"""Digests of files, values and source code, from which stage keys are made."""

import ast
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from data.base.paths import PROJECT_ROOT

ROOMS = ("flows", "serving", "tasks", "expectations", "models", "reports", "data")
NOT_IN_KEYS = ("tasks.", "data.workspace.", "data.system.shard_")
"""Prefixes of modules that are left out of all keys unless a caller names them."""


def checksum_files(root: Path) -> dict[str, tuple[int, str]]:
    """Return size in bytes and SHA-256 of every file below `root`, by relative POSIX path."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): (path.stat().st_size, hash_file(path)) for path in files}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """Return a 16-digit hex key of a JSON-serialisable value, whatever the order of its mappings.

    Examples:
        >>> hash_json({"seed": 42, "views": 8})
        'e7580746526bbc35'
        >>> hash_json({"views": 8, "seed": 42}) == hash_json({"seed": 42, "views": 8})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_sources(modules: Iterable[str | ModuleType]) -> str:
    """Return a key of the code of these project modules and of all project modules they import.

    The code is a module's syntax tree without docstrings, so that a comment, a docstring or formatting changes no key.
    See `collect_modules` for what counts. The tree's text differs between minor versions of Python.

    Args:
        modules: modules, or their names if importing them would load TensorFlow.
    """
    return hash_json({module: _read_code(module).digest for module in collect_modules(modules)})


def collect_modules(modules: Iterable[str | ModuleType]) -> list[str]:
    """Return the names of these project modules and of all project modules they import, sorted.

    Modules of `NOT_IN_KEYS` count only if they are named: how a child is started, how work is shared between processes,
    where a stage is stored, log lines and progress bars are not part of a result, and a change of them would rebuild
    every data set and training. Other packages do not count: the lock file fixes their versions, and a run's provenance
    lists them.
    """
    pending, seen = [m if isinstance(m, str) else m.__name__ for m in modules], set()
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            pending.extend(name for name in _read_code(module).imports if not name.startswith(NOT_IN_KEYS))
    return sorted(seen)


class _Code(NamedTuple):
    """What is kept of a module's source: its tree would be hundreds of thousands of objects for each room."""

    digest: str
    imports: frozenset[str]
    """Project modules that it imports, anywhere in its text."""


@cache
def _read_code(module: str) -> _Code:
    with _parsing:
        tree = ast.parse(_source_path(module).read_bytes())
    imports = frozenset(_own_imports(tree, module))
    return _Code(hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest(), imports)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [statement for statement in body if not _is_text(statement)]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is a docstring, of a module, a class, a function or an attribute."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _own_imports(tree: ast.Module, module: str) -> Iterator[str]:
    """Yield the modules of the project, and of a package of somebody else the modules of that package."""
    own = {*ROOMS, module.partition(".")[0]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in own and _source_path(name).is_file())


def _source_path(module: str) -> Path:
    first, *below = module.split(".")
    root = PROJECT_ROOT / first if first in ROOMS else _find_package(first)
    path = root.joinpath(*below)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _find_package(name: str) -> Path:
    """Return the folder of a package, or the path without suffix of a module, that is not of the project."""
    found = find_spec(name)
    origin = Path(found.origin) if found and found.origin else Path(name)
    return origin.parent if origin.name == "__init__.py" else origin.with_suffix("")


_parsing = threading.Lock()
"""Before Python 3.11.8 and 3.12.2 two threads that parse at once can fail: they share a counter (gh-106905)."""
