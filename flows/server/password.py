"""Password of everything that listens: made once for each workspace, in a file that only its owner can read.

Any account of this machine can connect to a port on 127.0.0.1, so a port without a password is open to all of them.
"""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from data.base.errors import PipelineError
from data.workspace.mark import claim_root
from flows.settings import Settings

USER = "emotion"
PASSWORD_BYTES = 24
OTHERS = 0o077


def server_login(settings: Settings, workspace: Path) -> str:
    """Return the USER:PASSWORD for which Prefect's server and the report pages ask."""
    return settings.prefect_auth.get_secret_value() or workspace_login(workspace)


def mlflow_login(settings: Settings) -> str:
    """Return the USER:PASSWORD for which MLflow's UI asks."""
    return settings.mlflow_auth.get_secret_value() or workspace_login(settings.workspace)


def workspace_login(workspace: Path) -> str:
    """Return the workspace's own USER:PASSWORD, which is made at its first use.

    Raises:
        PipelineError: another account made the file or may not let this one read it, or it holds something else.
    """
    path = password_path(workspace)
    try:
        if not path.exists():
            _make(path)
        _keep_private(path)
        login = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"got {path}, which cannot be made or read ({error}): use a workspace of your own account, or set "
            "EMOTION_PREFECT_AUTH and EMOTION_MLFLOW_AUTH to USER:PASSWORD"
        ) from error
    user, _, password = login.partition(":")
    if not (user and password):
        raise PipelineError(f"got {path} without USER:PASSWORD: delete it, and the next command makes another")
    return login


def password_path(workspace: Path) -> Path:
    """Return the path of the file with the workspace's USER:PASSWORD."""
    return workspace.resolve() / "prefect" / "password"


def _make(path: Path) -> None:
    """Write a random password; if two processes do it at once, both use that of the first."""
    claim_root(path.parents[1])
    path.parent.mkdir(exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=".password-")  # only the owner may read it
        with os.fdopen(handle, "w") as file:
            file.write(f"{USER}:{secrets.token_urlsafe(PASSWORD_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(written).replace(path)


def _keep_private(path: Path) -> None:
    """Take the file's permissions away from other accounts.

    Raises:
        PipelineError: the file belongs to another account, which may know the password.
    """
    status = path.stat(follow_symlinks=False)
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        raise PipelineError(
            f"got {path}, which belongs to the account with number {status.st_uid}, expected {os.geteuid()}, the "
            "account of this command: use a workspace of your own (EMOTION_WORKSPACE)"
        )
    if status.st_mode & OTHERS:
        with suppress(OSError):  # some file systems have no permissions
            path.chmod(status.st_mode & ~OTHERS)
