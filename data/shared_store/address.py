"""Address of a store: what it names, and how that is opened; a secret has no place in it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from data.base.errors import PipelineError

if TYPE_CHECKING:
    from obstore.store import ClientConfig
    from obstore.store import ObjectStore as Backend

ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Variables with the address of a server that is not the cloud's own; if that is http://, nothing is encrypted."""

SCHEMES = (*ENDPOINTS, "file")

REQUEST_SECONDS, SILENT_SECONDS, CONNECT_SECONDS = 3600, 20, 5
"""Time limits of one attempt of one request, of a pause in its answer, and of its connection."""


class MissingStore(PipelineError):
    """Report the directory of a store that does not exist, although nothing is to be written."""


def store_scheme(url: str) -> str:
    """Return the kind of a store: s3, gs, az or file."""
    return _split(url).scheme


def store_folder(url: str) -> Path | None:
    """Return the directory of a store, or None if it is none; file:///my%20store and file:///my store are the same."""
    parts = _split(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def refuse_overlap(url: str, workspace: Path) -> None:
    """Refuse a store that is a workspace, lies inside it, or around it: the files of both would be mixed.

    Raises:
        PipelineError: the store is a directory that has files of the workspace, or the other way round.
    """
    folder = store_folder(url)
    if folder is None:
        return
    try:
        store, root = folder.resolve(), workspace.resolve()
    except (OSError, RuntimeError, ValueError):  # a link to itself, a NUL: `open_backend` says so
        return
    if store.is_relative_to(root) or root.is_relative_to(store):
        how = "is" if store == root else "lies inside" if store.is_relative_to(root) else "contains"
        raise PipelineError(
            f"got the store {url}, which {how} the workspace {root}; expected two directories, neither inside the "
            "other: set EMOTION_STORE or EMOTION_WORKSPACE to another one. Nothing was written"
        )


def open_backend(url: str, make: bool = True) -> "Backend":
    """Return the client of a store, which has sent nothing yet.

    Args:
        url: see `data.shared_store.objects.ObjectStore`.
        make: make the directory of the store if it is missing; without it a mistyped address stays without effect.

    Raises:
        MissingStore: the directory is missing, and is not to be made.
        PipelineError: the address is of another form or has a secret, the variables of its cloud do not suffice, the
            directory cannot be made, or the package obstore is not installed.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import LocalStore, from_url
    except ImportError as error:
        raise PipelineError(
            "got a store in EMOTION_STORE but no package obstore, expected it: install this project with the extra "
            "store, or with the lock file"
        ) from error
    folder = store_folder(url)
    try:
        if folder is None:
            return from_url(url, client_options=_client_options(store_scheme(url)), retry_config={"max_retries": 0})
        if not make and not folder.exists():
            raise MissingStore(
                f"got the store {url}, a directory that does not exist: nothing was pushed there yet. Correct "
                "EMOTION_STORE, or run `emotion store push` on the host that has the workspace"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    except (BaseError, OSError, ValueError) as error:
        expected = "a directory, or a place for one" if folder else "a bucket and the variables of its cloud"
        raise PipelineError(
            f"got the store {url} that cannot be opened ({first_line(error)}), expected {expected}: correct the "
            "address or the environment"
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error of the client, without its details for developers."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]


def _client_options(scheme: str) -> "ClientConfig":
    return {
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "read_timeout": timedelta(seconds=SILENT_SECONDS),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "allow_http": any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS[scheme]),
    }


def _split(url: str) -> SplitResult:
    """Return the parts of an address that names a store, and nothing else."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address of a host
        parts = urlsplit("")
    names_directory = parts.netloc in ("", "localhost") and parts.path.startswith("/")
    names_bucket = parts.netloc and not any(sign in parts.netloc for sign in "@:")
    is_store = parts.scheme in SCHEMES and (names_directory if parts.scheme == "file" else names_bucket)
    if is_store and not any(sign in url for sign in "?#"):
        return parts
    rest = url.partition("://")[2] or url
    shown = url if not any(sign in rest for sign in ":@?#") else "(not shown, since it may have a password)"
    raise PipelineError(
        f"got the store {shown}, expected {', '.join(f'{one}://' for one in SCHEMES)} and a bucket or directory, "
        "without a name, a password, ? and #: credentials come from the variables of the cloud, and %3F and %23 stand "
        "for the signs in the path of a directory"
    )
