"""Every locked package can be installed by pip, which, unlike uv, obeys the upper limit of Requires-Python."""

import re
from importlib.metadata import PackageNotFoundError, metadata

import pytest
from packaging.specifiers import SpecifierSet

from data.base.paths import PROJECT_ROOT

PYTHONS = ("3.11.7", "3.12.0", "3.13.0")
LOCKED = re.findall(r"^([\w.-]+)==", (PROJECT_ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)


def required_python(name: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(metadata(name).get("Requires-Python") or "")
    except PackageNotFoundError:
        return None  # for another system


@pytest.mark.parametrize("python", PYTHONS)
def test_pip_takes_every_locked_package(python):
    required = {name: required_python(name) for name in LOCKED}
    assert sum(found is not None for found in required.values()) > 200
    refused = {name: str(found) for name, found in required.items() if found is not None and python not in found}
    assert not refused
