"""Downloads with gdown from Google Drive and from plain URLs, and the diagnosis of their failures.

gdown resumes a partial file, retries connection faults with a growing random wait and follows Drive's confirmation
page. It reports most refusals by one error; the reason is found by a second request whose answer is read.
"""

import logging
from collections.abc import Callable
from functools import partial
from glob import escape
from pathlib import Path
from urllib.parse import urlencode

import gdown
import requests
from gdown.exceptions import FileURLRetrievalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from data.sources.addresses import AddressRefused
from data.sources.archives.entries import is_html
from data.sources.download_failures import (
    DownloadError,
    explain_answer,
    explain_request,
    explain_transfer,
    failure,
    shown_cause,
    speaks_of_quota,
)
from data.sources.download_settings import DownloadSettings
from data.sources.secrets import mask_secrets
from data.sources.transfer_limits import LimitExceeded, TransferLimits

logger = logging.getLogger(__name__)

KEYED_START = "https://drive.usercontent.google.com/download"
"""Start of the download URL of a Drive file with a resource key."""


class _ProxyUrl(str):
    """URL of a proxy that prints without its password: gdown prints its proxy even if told to be quiet."""

    def __str__(self) -> str:
        return mask_secrets(self[:])


def drive_file_url(file_id: str, resource_key: str = "") -> str:
    """Return the download URL of a Drive file, with the key that a link of before 2021 may have."""
    if not resource_key:
        return f"https://drive.google.com/uc?id={file_id}"
    # Of a link of drive.google.com gdown keeps the id alone. This is where Drive itself leads to, confirmed already.
    query = {"id": file_id, "export": "download", "confirm": "t", "resourcekey": resource_key}
    return f"{KEYED_START}?{urlencode(query)}"


def download_file(
    url: str,
    target: Path,
    settings: DownloadSettings,
    progress: Callable[[int, int | None], None] | None = None,
    limits: TransferLimits | None = None,
) -> None:
    """Download a Drive file or any other URL; resume if an earlier attempt left a partial file.

    Args:
        url: a `drive_file_url` or an http(s) URL.
        target: path of the complete file; its partial file is beside it.
        settings: how to download.
        progress: called for every piece with bytes done and bytes in total; the total is None if it is not known.
        limits: what all files of a source may take together; None allows this file alone what the settings say.

    Raises:
        DownloadError: the file is not available, over a limit, or cannot be written; `reason` says why.
        DownloadInterrupted: the connection failed, after the retries.
    """
    limits = limits or settings.limits(target.parent)
    try:
        _transfer(url, target, settings, progress, limits)
    except FileURLRetrievalError as error:
        raise limits.run(partial(_diagnose_page, url, settings, str(error))) from shown_cause(error)
    except gdown.exceptions.DownloadError as error:
        raise explain_transfer(url, error) from shown_cause(error)
    except requests.RequestException as error:
        raise explain_request(url, error) from shown_cause(error)
    except AddressRefused as error:
        raise DownloadError(f"{url}: {error}", "address") from None
    except LimitExceeded as error:
        if error.limit != "deadline":  # what is too large for a limit or the disk now will be so when it is continued
            _remove_partial(target)
        raise DownloadError(f"{url}: {error}", error.limit) from None
    except OSError as error:
        _remove_partial(target)
        message = (
            f"{url}: cannot write {target} ({error.strerror or error}); make room or give another EMOTION_WORKSPACE"
        )
        raise DownloadError(message, "disk") from error


def _transfer(
    url: str,
    target: Path,
    settings: DownloadSettings,
    progress: Callable[[int, int | None], None] | None,
    limits: TransferLimits,
) -> None:
    def arrived(done: int, total: int | None) -> None:
        limits.check(done, total)
        if progress:
            progress(done, total)

    with limits.alarm() as alarm:
        try:
            gdown.download(
                url=url,
                output=str(target),
                quiet=True,
                proxy=_proxy_argument(settings),
                use_cookies=False,
                verify=settings.verify,
                resume=True,
                progress=arrived,
                timeout=settings.timeout_seconds,
                retries=settings.retries,
                cancel=alarm,
            )
        except gdown.DownloadCancelled:
            raise limits.late() from None
    if url.startswith(KEYED_START) and is_html(target):
        # gdown knows the pages of Drive only at the address that it drops the key from.
        target.unlink()
        raise FileURLRetrievalError("Google Drive sent a page instead of the file")
    limits.finish_file(target.stat().st_size)


def _proxy_argument(settings: DownloadSettings) -> str | None:
    proxy = settings.proxy.get_secret_value()
    return _ProxyUrl(proxy) if proxy else None


def _remove_partial(target: Path) -> None:
    for path in find_partial(target):
        path.unlink(missing_ok=True)


def find_partial(target: Path) -> tuple[Path, ...]:
    """Return the partial files that gdown keeps for a target: its name, eight characters and `.part`."""
    return tuple(sorted(target.parent.glob(f"{escape(target.name)}????????.part")))


def read_partial_name(name: str) -> str:
    """Return the name of the target whose partial file has a name; empty if it is no partial file's."""
    return name[: -len("12345678.part")] if name.endswith(".part") else ""


def retrying(settings: DownloadSettings) -> Retrying:
    """Return what repeats a request after connection faults, with the waits of gdown between tries of a file."""
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
    if speaks_of_quota(said):
        return failure(url, "quota", "Google Drive answered that the download quota is exceeded")
    try:
        with requests.get(
            url, timeout=settings.timeout_seconds, verify=settings.verify, proxies=settings.proxies, stream=True
        ) as answer:
            if "Content-Disposition" in answer.headers:
                return failure(url, "network", "Google Drive refused the file once and offers it now", transient=True)
            return explain_answer(url, answer)
    except requests.RequestException as error:
        return explain_request(url, error)
