"""The champion that answers now: loaded beside the old one and put in its place, whenever the registry names another.

Requests take `current` once and keep it, so those that run while the champion moves end with the version they began
with, and none waits or fails.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from data.base.errors import PipelineError

if TYPE_CHECKING:
    from serving.predictor import Predictor

logger = logging.getLogger(__name__)

POLL_SECONDS = 3.0
"""Time between two looks at the registry; a move is live after this time and the time to load a network."""

NO_CHAMPION = "no champion yet: emotion run makes the first one, and this service begins to answer by itself"
NOT_LOADED = "the network is being loaded: ask again in a few seconds"


class Found(NamedTuple):
    """What the registry says."""

    version: int
    """Of the champion; 0 if there is none."""
    export: Path | None
    """Directory of its export; None if there is none yet."""


class ChampionFollower:
    """Holder of the champion's predictor.

    Args:
        model: name of the registered model.
        find: asks the registry.
        load: makes a predictor from the directory of an export and the name of its version.
    """

    def __init__(self, model: str, find: Callable[[], Found], load: Callable[[Path, str], "Predictor"]) -> None:
        self.model, self.find, self.load = model, find, load
        self.current: Predictor | None = None
        self.found = Found(0, None)
        self.message = NOT_LOADED
        self.swaps = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champion", daemon=True)

    def start(self) -> None:
        """Follow the registry in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer."""
        self._ended.set()

    def look(self) -> None:
        """Ask the registry once, and load another champion if it names one; every fault leaves the old one."""
        try:
            found = self.find()
        except PipelineError as error:
            self._say(f"the registry does not answer, so the version stays ({error})")
            return
        if self.current and found.version == self.found.version and found.export in (None, self.found.export):
            self._say("")
        elif not found.version:
            self._say("the registry has no champion any more, so the version stays" if self.current else NO_CHAMPION)
        elif found.export is None:
            kept = f"; {self.current.version} answers meanwhile" if self.current else ""
            self._say(
                f"version {found.version} is the champion, but has no export yet{kept}: the next run makes it, or "
                "emotion export"
            )
        else:
            self._take(found)

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                self.look()
            except Exception:  # whatever a registry or a runtime raises, the service keeps what it has
                logger.exception("the champion could not be looked up")
                self._say("the champion could not be looked up, so the version stays; the log says why")
            self._ended.wait(POLL_SECONDS)

    def _take(self, found: Found) -> None:
        """Load a champion and put it in the place of the old one, which ends its requests."""
        if found.export is None:
            return
        name = f"{self.model}/{found.version}"
        try:
            loaded = self.load(found.export, name)
        except (PipelineError, OSError, ValidationError) as error:
            self._say(f"{name} cannot be loaded, so the version stays ({error})")
            return
        self.current, self.found = loaded, found
        self.swaps += 1
        self._say("")
        logger.info("%s answers now", name)

    def _say(self, message: str) -> None:
        if message and message != self.message:
            logger.warning("%s", message)
        self.message = message
