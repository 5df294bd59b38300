"""Listing of a public folder of Google Drive, at any depth.

gdown lists folders as well, but asks for each Google document in them by the way and ends with an error if it is one
that cannot be exported, such as a form.
"""

import logging
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import requests

from data.sources.addresses import AddressRefused
from data.sources.archives.entries import MAX_DEPTH, show_name
from data.sources.download import retrying
from data.sources.download_failures import DownloadError, explain_answer, explain_request, failure, shown_cause
from data.sources.download_settings import DownloadSettings
from data.sources.drive.folder_page import FolderPage
from data.sources.source import DriveItem
from data.sources.transfer_limits import LimitExceeded, TransferLimits

logger = logging.getLogger(__name__)

DRIVE_HOST = "drive.google.com"

BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/98.0.4758.102"
"""Name of a browser: a page for people is asked for. gdown sends the same."""

SHOWN_NAMES = 5


class DriveFile(NamedTuple):
    """A file in a Drive folder."""

    id: str
    path: str
    """Path below the folder."""
    resource_key: str
    """See `data.sources.source.DriveItem`."""
    modified: str
    """When it was modified, see `data.sources.drive.folder_page.PageEntry`."""


class _Listing:
    """What was found while the folder and those in it are asked for."""

    def __init__(self, settings: DownloadSettings) -> None:
        self._settings = settings
        self.files: list[DriveFile] = []
        self.documents: list[str] = []

    def walk(self, folder: DriveItem, above: tuple[str, ...] = ()) -> None:
        """Add the files of a folder and of those in it."""
        if len(above) >= MAX_DEPTH:
            raise DownloadError(
                f"{folder_url(folder)}: got folders {MAX_DEPTH} deep, or a shortcut to a folder around it; expected "
                "fewer: remove the shortcut, or give the link of the folder with the images",
                "too_large",
            )
        for entry in self._ask(folder).entries:
            path = (*above, entry.name)
            if entry.item is None:
                self.documents.append("/".join(path))
            elif entry.item.is_folder:
                self.walk(entry.item, path)
            else:
                self.files.append(DriveFile(entry.item.id, "/".join(path), entry.item.resource_key, entry.modified))

    def _ask(self, folder: DriveItem) -> FolderPage:
        url, settings = folder_url(folder), self._settings
        answer = retrying(settings)(
            requests.get,
            url,
            headers={"User-Agent": BROWSER},
            timeout=settings.timeout_seconds,
            verify=settings.verify,
            proxies=settings.proxies,
        )
        page = FolderPage()
        page.feed(answer.content.decode(errors="replace"))
        # Who may not see the folder is sent to another host, to sign in.
        if answer.status_code != HTTPStatus.OK or urlsplit(answer.url).hostname != DRIVE_HOST or page.title is None:
            raise explain_answer(url, answer)
        return page

    def log_documents(self, folder: DriveItem) -> None:
        """Log which documents of Google are left out."""
        if self.documents:
            logger.warning(
                "the Drive folder %s holds %d documents of Google (Docs, Sheets, Forms and the like), which are no "
                "files; they are left out: %s",
                folder.id,
                len(self.documents),
                self.name_documents(),
            )

    def name_documents(self) -> str:
        """Return the names of the first documents."""
        more = ["..."] if len(self.documents) > SHOWN_NAMES else []
        return ", ".join([*map(show_name, self.documents[:SHOWN_NAMES]), *more])


def folder_url(folder: DriveItem) -> str:
    """Return the URL of Drive's page with all entries of a folder."""
    query = {"id": folder.id} | ({"resourcekey": folder.resource_key} if folder.resource_key else {})
    return f"https://{DRIVE_HOST}/embeddedfolderview?{urlencode(query)}"


def list_folder(
    folder: DriveItem, settings: DownloadSettings, limits: TransferLimits | None = None
) -> tuple[DriveFile, ...]:
    """Return the files of a public Drive folder, at any depth; documents of Google are left out and logged.

    Args:
        folder: the folder.
        settings: how to ask.
        limits: what all of the download may take; None allows this call alone what the settings say.

    Raises:
        DownloadError: the folder cannot be read, or holds no files; or the time is up.
        DownloadInterrupted: the connection failed, after the retries.
    """
    url = folder_url(folder)
    listing = _Listing(settings)
    try:
        (limits or settings.limits(Path())).run(partial(listing.walk, folder))
    except requests.RequestException as error:
        raise explain_request(url, error) from shown_cause(error)
    except AddressRefused as error:
        raise DownloadError(f"{url}: {error}", "address") from None
    except LimitExceeded as error:
        raise DownloadError(f"{url}: {error}", error.limit) from None
    if not listing.files:
        only = f" but documents of Google ({listing.name_documents()})" if listing.documents else ""
        raise failure(url, "html", f"the folder holds no files that can be seen{only}")
    listing.log_documents(folder)
    return tuple(listing.files)
