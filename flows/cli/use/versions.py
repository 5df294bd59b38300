"""Version that a person names on the command line: a number, or an alias."""

from data.base.errors import PipelineError
from models.registry.champion import ModelRegistry
from models.registry.versions import CHALLENGER, CHAMPION


def find_number(version: str, registry: ModelRegistry) -> int:
    """Find the number of a version that is given as a number or an alias.

    Raises:
        PipelineError: it is not a number, or an alias that no version has.
    """
    named = {CHAMPION: registry.champion, CHALLENGER: registry.challenger}.get(version)
    number = named() if named else int(version) if version.isdecimal() else 0
    if not number:
        raise PipelineError(
            f"got version {version!r}, expected a number of emotion models list, or champion or challenger if there "
            "is one"
        )
    return number
