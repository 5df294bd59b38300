"""Environment of this process and its children, made safe against settings of the machine that break a run.

Standard library alone: the command calls it before it imports anything large.
"""

import os
import tempfile
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
PROXY_VARIABLES = ("NO_PROXY", "no_proxy")


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Change the environment so that a run can start: loopback without a proxy, and a home directory."""
    bypass_proxy(environment)
    ensure_home(environment)


def bypass_proxy(environment: MutableMapping[str, str]) -> None:
    """Let requests to this machine go past any proxy, which would not reach it; other exceptions stay.

    Both spellings are set, because libraries differ in which they read, and some take only the first that exists.
    """
    named = [name.strip() for variable in PROXY_VARIABLES for name in environment.get(variable, "").split(",")]
    exceptions = ",".join(dict.fromkeys(filter(None, (*named, *LOOPBACK_NAMES))))
    environment.update(dict.fromkeys(PROXY_VARIABLES, exceptions))


def ensure_home(environment: MutableMapping[str, str]) -> None:
    """Set HOME to a private temporary directory if there is none: a user without an entry, as in some containers.

    Raises:
        OSError: another user has taken the directory's name.
    """
    with suppress(RuntimeError):
        Path.home()
        return
    home = Path(tempfile.gettempdir()) / f"emotion-home-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != os.getuid():
        raise PermissionError(f"{home} belongs to another user: set HOME to a directory of your own")
    environment["HOME"] = str(home)
