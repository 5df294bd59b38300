"""Provenance of a result: the code, machine and packages that it was made with."""

import importlib.metadata
import platform
import subprocess

from data.base.paths import PROJECT_ROOT
from data.system.hardware import describe_hardware

LINEAGE_PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "pandas",
    "scikit-learn",
    "great-expectations",
    "prefect",
    "gdown",
    "pillow",
)


def describe_making() -> dict[str, str]:
    """Return the provenance of a result that is made now: the code's commit, the machine and the packages."""
    return {"code": code_version(), **describe_hardware(), **package_versions()}


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    versions = {name: importlib.metadata.version(name) for name in LINEAGE_PACKAGES}
    return {"python": platform.python_version(), **versions}


def code_version() -> str:
    """Return the commit of the checkout, with "+changes" if it has uncommitted ones; "unknown" outside a checkout."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    return f"{commit}+changes" if _git("status", "--porcelain") else commit


def _git(*arguments: str) -> str:
    try:
        outcome = subprocess.run(
            ["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return outcome.stdout.strip() if outcome.returncode == 0 else ""
