"""Origin of a data set: the typed source, and the parser that makes one from a `--source` string."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr

from data.base.errors import PipelineError
from data.base.record import Record
from data.sources.archives.parts import refuse_part
from data.sources.secrets import has_secrets, mask_secrets
from data.sources.tables.suffixes import (
    ARCHIVE_SUFFIXES,
    IMAGE_SUFFIXES,
    TABLE_SUFFIXES,
    is_archive_name,
    is_table_name,
)

SELF_EXTRACTING_SUFFIX = ".exe"
"""Ending of a local file that may be a zip with the program before it that unpacks it; the content is checked later."""

ENVIRONMENT_PREFIX = "env:"
"""Start of a source that stands in an environment variable, because it holds a secret."""

Kind = Literal["sample", "folder", "table", "archive", "drive"]
"""Kinds of sources. How the files of each kind are obtained is in `data.sources.fetch.FETCHERS`."""

SOURCE_HELP = (
    '"sample", a folder, a CSV or Parquet file, an archive\'s path or URL, or a Google Drive id or URL; add '
    "#sha256=HEX to pin an archive. For a URL with a password or token: env:NAME, the name of an environment variable "
    "that holds it."
)
"""Description of a source string, for commands and flows."""

DRIVE_HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")

_DRIVE_ID = r"[A-Za-z0-9_-]{25,}"
_RESOURCE_KEY = r"[A-Za-z0-9_-]{1,100}"
_PIN = re.compile(r"^(?P<location>.*)#sha256=(?P<digest>[^#]*)$", re.DOTALL)


class DatasetSource(Record):
    """Origin of a data set, made from a string by `parse_source`."""

    kind: Kind = Field(
        default="sample",
        description="generated sample, local folder, local CSV or Parquet, zip or tar (path or URL), or Google Drive",
    )
    location: str = Field(
        default="", description="path, http(s) URL, or a Drive file id, share URL or folder URL; empty for the sample"
    )
    sha256: str = Field(
        default="", pattern="^([0-9a-f]{64})?$", description="expected SHA-256 of the archive; empty accepts any"
    )

    secret_location: SecretStr = Field(
        default=SecretStr(""), exclude=True, description="the whole URL, if the location is masked; never stored"
    )
    digest: str = Field(
        default="", description="digest of the whole URL, if the location is masked: tells two such sources apart"
    )

    @property
    def full_location(self) -> str:
        """Location with its secrets, for the request alone."""
        return self.secret_location.get_secret_value() or self.location

    @property
    def identity(self) -> str:
        """Text that is different for different sources, and holds no secret.

        The resource key of a Drive link is not part of it: the key opens a file and does not name it.
        """
        if self.kind == "drive" and (item := parse_drive_location(self.location)):
            return _drive_location(item._replace(resource_key=""))
        return f"{self.name} {self.digest}" if self.digest else self.name

    @property
    def shared_name(self) -> str:
        """Name for records, which other hosts read too: of a local source the last part of its path."""
        return self.name if self.is_remote else Path(self.name).name

    @property
    def is_generated(self) -> bool:
        """Whether the images are drawn by this project instead of being fetched."""
        return self.kind == "sample"

    @property
    def is_remote(self) -> bool:
        """Whether the images come over the network."""
        return self.kind == "drive" or is_url(self.location)

    @property
    def name(self) -> str:
        """Location, or the kind for a source without one."""
        return self.location or self.kind


class DriveItem(NamedTuple):
    """A file or a folder on Google Drive."""

    id: str
    is_folder: bool
    resource_key: str = ""
    """What Drive asks for beside the id of some items that were shared before 2021; empty for the others."""


def parse_source(text: str) -> DatasetSource:
    """Parse what a person types as a source.

    Args:
        text: `sample`; the path of a folder, a table or an archive; an http(s) URL of an archive; a Google Drive file
            id, share URL or folder URL. `#sha256=` and 64 hex digits after an archive pin its content. `env:NAME` takes
            any of these from an environment variable, and is the only way to give a URL with a secret in it.

    Returns:
        The source. Local paths are made absolute; a Drive file is reduced to its id, and its resource key if the link
        has one, so that every spelling of one file is the same source.

    Raises:
        PipelineError: the text is not a source, holds a secret, a local path does not exist, or its name is that of
            one of several parts.

    Examples:
        >>> parse_source("https://drive.google.com/file/d/1AbCdEfGhIjKlMnOpQrStUvWxYz012345/view").location
        '1AbCdEfGhIjKlMnOpQrStUvWxYz012345'
        >>> parse_source("sample").is_generated
        True
    """
    _refuse_bytes(text)
    if text.strip().startswith(ENVIRONMENT_PREFIX):
        return _parse_unmasked(_read_variable(text.strip()))
    if holds_secret(text):
        raise PipelineError(
            f"got {mask_secrets(text.strip())}, a URL with a password or token in it, which would be stored with the "
            "run. Put the whole URL into an environment variable where the run is executed and give env:NAME as the "
            "source; or put user and password into ~/.netrc and leave them out of the URL"
        )
    return _parse_unmasked(text)


def holds_secret(text: str) -> bool:
    """Return whether a source is a URL with a password or token in it; links of Drive hold none."""
    location = text.strip().partition("#")[0]
    return is_url(location) and has_secrets(location) and _split_url(location).hostname not in DRIVE_HOSTS


def _read_variable(text: str) -> str:
    name, mark, pin = text.removeprefix(ENVIRONMENT_PREFIX).partition("#")
    value = os.environ.get(name, "").strip()
    if not value or value.startswith(ENVIRONMENT_PREFIX):
        raise PipelineError(
            f"got the source {ENVIRONMENT_PREFIX}{name}, but the environment variable {name} holds no source here; "
            "set it where the run is executed, such as in the environment of the worker or of `emotion up`"
        )
    _refuse_bytes(value)
    return f"{value}{mark}{pin}"


def _parse_unmasked(text: str) -> DatasetSource:
    location, sha256 = _split_pin(text.strip())
    if not location:
        raise PipelineError("got an empty source; give sample, a path, a URL or a Google Drive id")
    if location == "sample":
        source = DatasetSource()
    elif is_url(location) or location.split("/")[0].lower() in DRIVE_HOSTS:
        source = _parse_url(location)
    else:
        source = _parse_path_or_id(location)
    if sha256 and source.kind in ("sample", "folder", "table"):
        raise PipelineError(f"got a sha256 pin on {location!r}, but only an archive can be pinned; leave it out")
    return source.model_copy(update={"sha256": sha256})


def parse_drive_location(location: str) -> DriveItem | None:
    """Return the file or folder that a Drive id or URL names, or None if it names nothing on Drive.

    Args:
        location: a file id, or a URL on one of Drive's hosts.
    """
    if re.fullmatch(_DRIVE_ID, location):
        return DriveItem(location, is_folder=False)
    parts = _split_url(location)
    if parts.hostname not in DRIVE_HOSTS:
        return None
    is_folder = re.search(r"/(folders|folderview|embeddedfolderview)\b", parts.path) is not None
    in_path = re.search(rf"/(?:d|folders)/({_DRIVE_ID})(?=/|$)", parts.path)
    found = in_path.group(1) if in_path else parse_qs(parts.query).get("id", [""])[0]
    key = parse_qs(parts.query).get("resourcekey", [""])[0]
    if not re.fullmatch(_DRIVE_ID, found):
        return None
    return DriveItem(found, is_folder, key if re.fullmatch(_RESOURCE_KEY, key) else "")


def is_url(location: str) -> bool:
    """Return whether a location is an http(s) URL."""
    return location.lower().startswith(("http://", "https://"))


def is_image_path(path: str) -> bool:
    """Return whether a file of a Drive folder is taken: an image by its name, in no hidden or oddly named folder."""
    *folders, name = path.lower().split("/")
    own = any(folder.startswith(".") or folder.endswith(".json") for folder in folders)
    return name.endswith(IMAGE_SUFFIXES) and not name.startswith(".") and not own


def _split_pin(text: str) -> tuple[str, str]:
    match = _PIN.match(text)
    if not match:
        return text, ""
    digest = match["digest"].lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise PipelineError(
            f"got the pin #sha256={match['digest']}, expected 64 hex digits; `sha256sum FILE` prints them"
        )
    return match["location"], digest


def _parse_url(location: str) -> DatasetSource:
    url = location if is_url(location) else f"https://{location}"
    host = _split_url(url).hostname
    if not host:
        raise PipelineError(
            f"got the URL {mask_secrets(location)!r} without a host; expected https://HOST/PATH of a zip or tar"
        )
    if host not in DRIVE_HOSTS:
        return _archive_at(url)
    item = parse_drive_location(url)
    if item is None:
        raise PipelineError(
            f"found no file or folder id in {location!r}; on Google Drive choose Share, Copy link, and give that link"
        )
    return DatasetSource(kind="drive", location=_drive_location(item))


def _drive_location(item: DriveItem) -> str:
    query = f"?resourcekey={item.resource_key}" if item.resource_key else ""
    if item.is_folder:
        return f"https://drive.google.com/drive/folders/{item.id}{query}"
    return f"https://drive.google.com/file/d/{item.id}/view{query}" if query else item.id


def _archive_at(url: str) -> DatasetSource:
    refuse_part(unquote(_split_url(url).path).rsplit("/", 1)[-1])
    if not has_secrets(url):
        return DatasetSource(kind="archive", location=url)
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return DatasetSource(kind="archive", location=mask_secrets(url), secret_location=SecretStr(url), digest=digest)


def _parse_path_or_id(location: str) -> DatasetSource:
    path = Path(location).expanduser().resolve()
    _refuse_bytes(str(path))  # a link or the working directory may lead to another name than the one given
    if path.is_dir():
        refuse_part(path.name, _names_beside(path))
        return DatasetSource(kind="folder", location=str(path))
    if path.is_file():
        refuse_part(path.name, _names_beside(path))
        if is_table_name(path.name):
            return DatasetSource(kind="table", location=str(path))
        if not is_archive_name(path.name) and path.suffix.lower() != SELF_EXTRACTING_SUFFIX:
            raise PipelineError(
                f"{path} is a file whose name is not that of an archive or a table; expected a folder or one of "
                f"{', '.join((*ARCHIVE_SUFFIXES, *TABLE_SUFFIXES))}: pack the images as one of these, or save a sheet "
                "as CSV"
            )
        return DatasetSource(kind="archive", location=str(path))
    if "://" in location:
        raise PipelineError(
            f"cannot read {mask_secrets(location)!r}; expected an http or https URL, a path or a Google Drive id"
        )
    if parse_drive_location(location):
        return DatasetSource(kind="drive", location=location)
    raise PipelineError(
        f"{path} does not exist and {location!r} is not a Google Drive id (25 or more letters, digits, - and _); "
        "check the spelling, or give sample for generated faces"
    )


def _names_beside(path: Path) -> Iterator[str]:
    try:
        yield from (other.name for other in path.parent.iterdir())
    except OSError:  # a folder may be closed although what is in it can be read
        return


def _refuse_bytes(location: str) -> None:
    """Refuse a source whose bytes are not UTF-8: records and pages, which are UTF-8, name the source."""
    try:
        location.encode()
    except UnicodeEncodeError:
        raise PipelineError(
            f"got the source {mask_secrets(location)!a}, whose name is not UTF-8; expected a name that can be "
            "stored as text: rename the folder or file, or one of the folders that lead to it"
        ) from None


def _split_url(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise PipelineError(
            f"cannot read the URL {mask_secrets(url)!r} ({error}); expected https://HOST/PATH"
        ) from error
