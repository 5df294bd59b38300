"""Version of a registered model that a person names: a number or an alias, alone or with the name of the model."""

from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from models.registry.connection import MODEL_NAME
from models.registry.versions import CHALLENGER, CHAMPION, VersionStore


class ChosenVersion(NamedTuple):
    """A version of a registered model."""

    model: str
    version: int
    """Its number; 0 is the champion, whichever it is when the network is loaded."""


def split_choice(chosen: str) -> tuple[str, str]:
    """Return the name of the registered model and the version that a text means.

    Examples:
        >>> split_choice("3"), split_choice("emotion-rafdb"), split_choice("emotion-rafdb/challenger")
        (('emotion', '3'), ('emotion-rafdb', 'champion'), ('emotion-rafdb', 'challenger'))
    """
    name, slash, version = chosen.partition("/")
    if slash:
        return name, version
    return (name, CHAMPION) if name.startswith(MODEL_NAME) else (MODEL_NAME, chosen)


def choose_version(chosen: str, workspace: Path) -> ChosenVersion:
    """Return the version that a text means.

    Args:
        chosen: a number, champion or challenger; of another model: NAME or NAME/VERSION.
        workspace: directory with the registry, which is asked for the challenger alone.

    Raises:
        PipelineError: it is none of these, or no version is challenger.
        TransientError: MLflow is unreachable.
    """
    model, version = split_choice(chosen)
    if version == CHAMPION:
        return ChosenVersion(model, 0)
    return ChosenVersion(model, find_number(version, VersionStore(workspace, model)))


def find_number(version: str, registry: VersionStore) -> int:
    """Find the number of a version that is given as a number or an alias.

    Raises:
        PipelineError: it is not a number, or an alias that no version has.
        TransientError: MLflow is unreachable.
    """
    named = {CHAMPION: registry.champion, CHALLENGER: registry.challenger}.get(version)
    number = named() if named else int(version) if version.isdecimal() else 0
    if not number:
        raise PipelineError(
            f"got version {version!r} of the model {registry.model}, expected a number of emotion models list, or "
            "champion or challenger if there is one"
        )
    return number
