"""Downloads with gdown from Google Drive and from plain URLs, and the diagnosis of their failures.

gdown resumes a partial file, retries connection faults with a growing random wait and follows Drive's confirmation
page. It reports most refusals by one error; the reason is found by a second request whose answer is read.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import gdown
import requests
from gdown.exceptions import FileURLRetrievalError
from pydantic import Field
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from data.base.errors import PipelineError, TransientError
from data.base.record import Record

logger = logging.getLogger(__name__)

Reason = Literal["quota", "permission", "not_found", "html", "truncated", "wrong_hash", "network"]

QUOTA_WORDS = ("too many users", "quota exceeded", "quota for this file")
SIGN_IN_HOST = "accounts.google.com"

ADVICE = {
    "quota": "Too many downloads of this file: Google Drive blocks it for up to 24 hours. Try again tomorrow, or make "
    "a copy of the file in a Drive of your own, share the copy and give its link",
    "permission": "The file is not public: open Share on Google Drive, set General access to 'Anyone with the link', "
    "or download it in a browser and give the local path",
    "not_found": "Check the id or URL for typing errors and that the file was not deleted or moved",
    "html": "Open the link in a browser and see what it is: give the link of the archive itself, of a file for a file "
    "and of a folder for a folder, or download it there and give the local path",
    "network": "Check the network connection and the proxy settings, then start again: a partial file is continued",
    "truncated": "Start again: a partial file is continued",
}


class DownloadSettings(Record):
    """Settings of downloads."""

    timeout_seconds: float = Field(
        default=60, gt=0, le=3600, description="longest wait for a connection and between two pieces of an answer"
    )
    retries: int = Field(
        default=5, ge=0, le=20, description="further tries of a file after connection faults, each after a longer wait"
    )
    proxy: str = Field(default="", description="URL of a proxy; empty follows the environment's HTTPS_PROXY")
    ca_bundle: str = Field(
        default="", description="file of certificates to trust, for a proxy that re-encrypts; empty uses the usual ones"
    )

    @property
    def verify(self) -> bool | str:
        """The certificates in the form that requests takes."""
        return self.ca_bundle or True

    @property
    def proxies(self) -> dict[str, str]:
        """The proxy in the form that requests takes."""
        return {"http": self.proxy, "https": self.proxy} if self.proxy else {}


class DownloadError(PipelineError):
    """Report a download that failed.

    Args:
        message: what was got, what was expected and what to do.
        reason: the kind of failure, for callers that tell them apart.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason

    def __reduce__(self) -> tuple[type["DownloadError"], tuple[str, Reason]]:
        return type(self), (str(self), self.reason)


class DownloadInterrupted(DownloadError, TransientError):
    """Report a download that a fault of the network or the server interrupted; it may be repeated."""


class DriveFile(NamedTuple):
    """A file in a Drive folder, with its path below the folder."""

    id: str
    path: str


def drive_file_url(file_id: str) -> str:
    """Return the download URL of a Drive file."""
    return f"https://drive.google.com/uc?id={file_id}"


def download_file(
    url: str, target: Path, settings: DownloadSettings, progress: Callable[[int, int | None], None] | None = None
) -> None:
    """Download a Drive file or any other URL; resume if an earlier attempt left a partial file.

    Args:
        url: a `drive_file_url` or an http(s) URL.
        target: path of the complete file; its partial file is beside it.
        settings: how to download.
        progress: called for every piece with bytes done and bytes in total; the total is None if it is not known.

    Raises:
        DownloadError: the file is not available; `reason` says why.
        DownloadInterrupted: the connection failed, after the retries.
    """
    try:
        gdown.download(
            url=url,
            output=str(target),
            quiet=True,
            proxy=settings.proxy or None,
            use_cookies=False,
            verify=settings.verify,
            resume=True,
            progress=progress,
            timeout=settings.timeout_seconds,
            retries=settings.retries,
        )
    except FileURLRetrievalError as error:
        raise _diagnose_page(url, settings, str(error)) from error
    except gdown.exceptions.DownloadError as error:
        raise _explain_transfer(url, error) from error
    except requests.RequestException as error:
        raise _explain_request(url, error) from error


def list_folder(folder_id: str, settings: DownloadSettings) -> tuple[DriveFile, ...]:
    """Return the files of a public Drive folder, at any depth.

    Args:
        folder_id: the id in the folder's URL.
        settings: how to ask.

    Raises:
        DownloadError: the folder cannot be read, or holds nothing.
        DownloadInterrupted: the connection failed, after the retries.
    """
    url = f"https://drive.google.com/embeddedfolderview?id={folder_id}"
    try:
        listed = _retrying(settings)(
            gdown.download_folder,
            id=folder_id,
            output="",
            quiet=True,
            proxy=settings.proxy or None,
            use_cookies=False,
            verify=settings.verify,
            skip_download=True,
            timeout=settings.timeout_seconds,
        )
    except gdown.exceptions.DownloadError as error:
        raise _diagnose_page(url, settings, str(error)) from error
    except requests.RequestException as error:
        raise _explain_request(url, error) from error
    files = tuple(DriveFile(file.id, file.path) for file in listed if not isinstance(file, str))
    if not files:
        raise _diagnose_page(url, settings, "the folder holds no files that can be seen")
    return files


def find_partial(target: Path) -> tuple[Path, ...]:
    """Return the partial files that gdown keeps for a target: its name, eight characters and `.part`."""
    return tuple(sorted(target.parent.glob(f"{target.name}????????.part")))


def _retrying(settings: DownloadSettings) -> Retrying:
    # gdown retries files but not folder listings; the waits are those it takes between tries of a file.
    return Retrying(
        stop=stop_after_attempt(settings.retries + 1),
        wait=wait_random_exponential(multiplier=1, max=30),
        retry=retry_if_exception(_is_connection_fault),
        reraise=True,
    )


def _is_connection_fault(error: BaseException) -> bool:
    faults = requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError
    return isinstance(error, faults) and not isinstance(error, requests.exceptions.SSLError)


def _diagnose_page(url: str, settings: DownloadSettings, said: str) -> DownloadError:
    """Find out why Drive sent a page instead of a file by asking again.

    Args:
        url: the requested URL.
        settings: how to ask.
        said: gdown's message about the page; the only information if Drive refuses after its confirmation page.
    """
    if _speaks_of_quota(said):
        return _failure(url, "quota", "Google Drive answered that the download quota is exceeded")
    try:
        with requests.get(
            url, timeout=settings.timeout_seconds, verify=settings.verify, proxies=settings.proxies, stream=True
        ) as answer:
            if "Content-Disposition" in answer.headers:
                return _failure(url, "network", "Google Drive refused the file once and offers it now", transient=True)
            return _explain_answer(url, answer)
    except requests.RequestException as error:
        return _explain_request(url, error)


def _explain_answer(url: str, answer: requests.Response) -> DownloadError:
    if urlsplit(answer.url).hostname == SIGN_IN_HOST:
        return _failure(url, "permission", "Google Drive asked for a sign-in")
    if answer.status_code == HTTPStatus.OK:
        if _speaks_of_quota(answer.text):
            return _failure(url, "quota", "Google Drive answered that the download quota is exceeded")
        return _failure(url, "html", "the server sent an HTML page instead of a file")
    return _explain_status(url, answer.status_code)


def _explain_status(url: str, status: int) -> DownloadError:
    got = f"the server answered with status {status}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _failure(url, "permission", got)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return _failure(url, "not_found", got)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _failure(url, "quota", got)
    return _failure(url, "network", got, transient=status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _explain_transfer(url: str, error: gdown.exceptions.DownloadError) -> DownloadError:
    cause = error.__cause__
    # A connection that breaks in the middle of the body is a ChunkedEncodingError: bytes are missing, not an answer.
    if isinstance(cause, requests.ConnectionError | requests.Timeout):
        return _explain_request(url, cause)
    return _failure(url, "truncated", f"the file did not arrive whole: {error}", transient=True)


def _explain_request(url: str, error: requests.RequestException) -> DownloadError:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _explain_status(url, error.response.status_code)
    if isinstance(error, requests.exceptions.SSLError):
        message = (
            f"{url}: the server's certificate is not trusted ({error}). Behind a proxy that re-encrypts, give its "
            "certificates as ca_bundle; else check the clock of this machine"
        )
        return DownloadError(message, "network")
    return _failure(url, "network", f"the server could not be reached ({error})", transient=True)


def _failure(url: str, reason: Reason, got: str, transient: bool = False) -> DownloadError:
    kind = DownloadInterrupted if transient else DownloadError
    return kind(f"{url}: expected a file to download, but {got}. {ADVICE[reason]}.", reason)


def _speaks_of_quota(text: str) -> bool:
    return any(words in " ".join(text.lower().split()) for words in QUOTA_WORDS)
