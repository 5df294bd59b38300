"""Images from the web: one request, within limits of time and size, and never into this machine by a detour."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from data.photos.reading import PhotoRefused
from data.sources.download_settings import DownloadSettings
from data.sources.secrets import mask_secrets

if TYPE_CHECKING:
    from requests import Response

URL_STARTS = ("http://", "https://")

PIECE_BYTES = 1 << 16
MOST_REDIRECTS = 5

IMAGE_SETTINGS = DownloadSettings(timeout_seconds=20, deadline_seconds=60, max_bytes=64 << 20, retries=0)
"""Settings of the download of one image."""


def fetch_image(url: str, settings: DownloadSettings = IMAGE_SETTINGS, only_public: bool = False) -> bytes:
    """Fetch the content of an image's address.

    A public address may not lead to an address of this machine or its network by a redirect or by its name.

    Args:
        url: http or https.
        settings: limits, proxy and certificates.
        only_public: whether to refuse a URL that itself names this machine or its network. A person who types the
            address may do so; a server that others ask must not.

    Returns:
        Its bytes, whatever they are.

    Raises:
        PhotoRefused: there is no answer, it is an error or a web page, or it is beyond a limit.
    """
    import requests
    from urllib3.exceptions import HTTPError

    from data.sources.addresses import AddressRefused, is_public_url, public_only

    shown = mask_secrets(url)
    if only_public and not is_public_url(url):
        raise PhotoRefused(f"{shown} is no address of the public internet: give one that is", "unavailable")
    try:
        with requests.Session() as session, public_only(url, settings.proxy.get_secret_value()):
            session.max_redirects = MOST_REDIRECTS
            session.headers["Accept"] = "image/*"
            with session.get(
                url, stream=True, timeout=settings.timeout_seconds, verify=settings.verify, proxies=settings.proxies
            ) as answer:
                return _read_answer(answer, shown, settings)
    except AddressRefused as error:
        raise PhotoRefused(f"{shown}: {error}", "unavailable") from None
    except (OSError, ValueError, HTTPError) as error:  # those of requests are OSErrors; ValueError: a URL that is none
        cause = mask_secrets(_shorten(error))
        raise PhotoRefused(f"{shown} cannot be fetched ({cause}): check the address", "unavailable") from None


def _read_answer(answer: "Response", shown: str, settings: DownloadSettings) -> bytes:
    if answer.status_code >= 400:
        raise PhotoRefused(
            f"{shown} answered {answer.status_code} {answer.reason}, expected an image: check the address",
            "unavailable",
        )
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise PhotoRefused(
            f"{shown} is a web page, expected the address of an image itself: open the image alone and copy its address"
        )
    pieces = []
    for arrived, piece in _read_pieces(answer, shown, settings):
        if arrived > settings.max_bytes:
            raise PhotoRefused(
                f"{shown} has {arrived:,} bytes or more, expected at most {settings.max_bytes:,}: make it smaller",
                "too_large",
            )
        pieces.append(piece)
    return b"".join(pieces)


def _read_pieces(answer: "Response", shown: str, settings: DownloadSettings) -> Iterator[tuple[int, bytes]]:
    """Yield the pieces of an answer, each with the bytes so far; the first one has the size that was announced."""
    deadline = time.monotonic() + settings.deadline_seconds
    with suppress(ValueError):
        yield int(answer.headers.get("Content-Length", "0")), b""
    arrived = 0
    while piece := answer.raw.read1(PIECE_BYTES, decode_content=True):  # returns what has arrived, however little
        arrived += len(piece)
        yield arrived, piece
        if time.monotonic() > deadline:
            raise PhotoRefused(
                f"{shown} took longer than {settings.deadline_seconds:.0f} s: fetch it yourself and give the file",
                "unavailable",
            )


def _shorten(error: BaseException) -> str:
    """Return the cause of an error of requests without the layers that repeat the address."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(reason or error).rpartition(": ")[2] or type(error).__name__


def is_url(text: str) -> bool:
    """Return whether a text is the address of a page or a file on the web."""
    return text.lower().startswith(URL_STARTS)
