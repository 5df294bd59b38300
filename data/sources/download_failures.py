"""Failures of downloads: the errors, and what a server's answer or a broken connection means."""

from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

import gdown
import requests

from data.base.errors import PipelineError, TransientError
from data.sources.secrets import has_secrets, mask_secrets
from data.sources.transfer_limits import LimitName

Reason = Literal[
    "quota", "permission", "not_found", "html", "truncated", "wrong_hash", "network", "address", "disk", LimitName
]

PAGE_BYTES = 1 << 20
"""Most bytes that are read of a page to find out why there is no file."""

QUOTA_WORDS = ("too many users", "quota exceeded", "quota for this file")
SIGN_IN_HOST = "accounts.google.com"

ADVICE = {
    "quota": "Too many downloads of this file: Google Drive blocks it for up to 24 hours. Try again tomorrow, or make "
    "a copy of the file in a Drive of your own, share the copy and give its link",
    "permission": "The file is not public: open Share on Google Drive, set General access to 'Anyone with the link', "
    "give an old link whole, with its resourcekey, or download it in a browser and give the local path",
    "not_found": "Check the id or URL for typing errors and that the file was not deleted or moved; give an old link "
    "of Google Drive whole, with its resourcekey",
    "html": "Open the link in a browser and see what it is: give the link of the archive itself, of a file for a file "
    "and of a folder for a folder, or download it there and give the local path",
    "network": "Check the network connection and the proxy settings, then start again: a partial file is continued",
    "truncated": "Start again: a partial file is continued",
}


class DownloadError(PipelineError):
    """Report a download that failed.

    Args:
        message: what was got, what was expected and what to do.
        reason: the kind of failure, for callers that tell them apart.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(mask_secrets(message))
        self.reason: Reason = reason

    def __reduce__(self) -> tuple[type["DownloadError"], tuple[str, Reason]]:
        return type(self), (str(self), self.reason)


class DownloadInterrupted(DownloadError, TransientError):
    """Report a download that a fault of the network or the server interrupted; it may be repeated."""


def explain_answer(url: str, answer: requests.Response) -> DownloadError:
    """Return what an answer that is no file means."""
    if urlsplit(answer.url).hostname == SIGN_IN_HOST:
        return failure(url, "permission", "Google Drive asked for a sign-in")
    if answer.status_code == HTTPStatus.OK:
        page = next(answer.iter_content(PAGE_BYTES), b"")
        if speaks_of_quota(page.decode(errors="replace")):
            return failure(url, "quota", "Google Drive answered that the download quota is exceeded")
        return failure(url, "html", "the server sent an HTML page instead of a file")
    return _explain_status(url, answer.status_code)


def _explain_status(url: str, status: int) -> DownloadError:
    got = f"the server answered with status {status}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return failure(url, "permission", got)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return failure(url, "not_found", got)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return failure(url, "quota", got)
    return failure(url, "network", got, transient=status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def explain_transfer(url: str, error: gdown.exceptions.DownloadError) -> DownloadError:
    """Return what gdown's error for a file that did not arrive means."""
    cause = error.__cause__
    # A connection that breaks in the middle of the body is a ChunkedEncodingError: bytes are missing, not an answer.
    if isinstance(cause, requests.ConnectionError | requests.Timeout):
        return explain_request(url, cause)
    return failure(url, "truncated", f"the file did not arrive whole: {error}", transient=True)


def explain_request(url: str, error: requests.RequestException) -> DownloadError:
    """Return what an error of a request means."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _explain_status(url, error.response.status_code)
    if isinstance(error, requests.exceptions.SSLError):
        message = (
            f"{url}: the server's certificate is not trusted ({error}). Behind a proxy that re-encrypts, give its "
            "certificates as ca_bundle; else check the clock of this machine"
        )
        return DownloadError(message, "network")
    return failure(url, "network", f"the server could not be reached ({error})", transient=True)


def failure(url: str, reason: Reason, got: str, transient: bool = False) -> DownloadError:
    """Return an error with the advice for its reason."""
    kind = DownloadInterrupted if transient else DownloadError
    return kind(f"{url}: expected a file to download, but {got}. {ADVICE[reason]}.", reason)


def speaks_of_quota(text: str) -> bool:
    """Return whether Drive's page or gdown's message says that the quota is exceeded."""
    return any(words in " ".join(text.lower().split()) for words in QUOTA_WORDS)


def shown_cause(error: BaseException) -> BaseException | None:
    """Return an error as the cause of another, or None if tracebacks would show a secret of its URL."""
    link: BaseException | None = error
    while link is not None:
        if has_secrets(str(link)):
            return None
        link = link.__cause__ or link.__context__
    return error
