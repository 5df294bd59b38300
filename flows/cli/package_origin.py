"""Check that Python finds this project's packages, and not others of the same names.

The names are common, and any directory that comes first on the import path wins. Standard library alone, since the
check must work while `data` is another package.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("flows", "tasks", "expectations", "models", "reports", "data")
ROOT = Path(__file__).resolve().parents[2]


def find_foreign_package() -> str:
    """Return what is wrong with the first package that is found outside this project; empty if none is."""
    for name in PACKAGES:
        found = _place(name)
        if found != ROOT / name:
            return (
                f"got the package {name} from {found or 'nowhere'}, expected {ROOT / name}: leave PYTHONPATH empty or "
                f"start in {ROOT}"
            )
    return ""


def _place(name: str) -> Path | None:
    """Return the directory of a package without importing it; one without an __init__.py counts too."""
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]).resolve() if places else None
