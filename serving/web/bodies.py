"""Bodies of requests: the images in them, read up to the limits and never written to a disk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from data.base.record import describe_faults
from serving.web.door import Refused
from serving.web.limits import ServeLimits

FORM = "multipart/form-data"
WHAT_TO_SEND = f"a form ({FORM}) with one file or several, or one image as the body with its type, such as image/jpeg"
FIELDS = 8
"""Fields of a form beside its files, at most; the only one that is read is the number of a face."""

FIELD_BYTES = 1000
DISCARD_SECONDS = 2.0

JSON = "application/json"
JSON_BYTES = 1 << 16
MOST_URL = 4000


class Upload(NamedTuple):
    """One image as it was sent, or the address of one."""

    name: str
    data: bytes | None
    """None for an address, which is the name."""


class Addresses(BaseModel):
    """Body that names images instead of holding them."""

    model_config = ConfigDict(extra="forbid")

    urls: list[Annotated[str, Field(max_length=MOST_URL)]]


class Body(NamedTuple):
    """Images of a request, and the other fields of its form."""

    images: list[Upload]
    fields: dict[str, str]


class _Form(MultiPartParser):
    """Parser of forms that keeps every file in memory: the limit of the body holds for all of them together."""

    spool_max_size = 1 << 40
    ended = False

    def on_end(self) -> None:
        """Take note that the form has its end: without it, the last part would be missing from the answer."""
        self.ended = True


async def read_body(request: Request, limits: ServeLimits, may_fetch: bool = False) -> Body:
    """Read the images of a request, or their addresses.

    Args:
        request: of any kind.
        limits: of its size and time.
        may_fetch: whether addresses are taken.

    Raises:
        Refused: it is too large, arrives too slowly, has another type, is damaged, or has no image or too many.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read(request, limits, may_fetch)
    except TimeoutError as error:
        raise Refused(
            408, f"got a part of the request within {limits.seconds:g} s, expected all of it: send smaller images"
        ) from error
    except ClientDisconnect as error:
        raise Refused(400, "got a part of the request before the client left, expected all of it") from error


async def _read(request: Request, limits: ServeLimits, may_fetch: bool) -> Body:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise Refused(415, f"got a body with the encoding {encoding[:50]!r}, expected none: send the image as it is")
    kind = _media_type(request)
    if kind == FORM:
        body = await _read_form(request, limits)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        data = b"".join([piece async for piece in _limited(request, limits)])
        body = Body([Upload(kind, data)], {})
    elif kind == JSON:
        body = await _read_addresses(request, limits, may_fetch)
    else:
        raise Refused(415, f"got a body of the type {kind[:80] or 'none'!r}, expected {WHAT_TO_SEND}")
    _require_images(body.images, limits)
    return body


async def _read_addresses(request: Request, limits: ServeLimits, may_fetch: bool) -> Body:
    if not may_fetch:
        raise Refused(
            403, f"got JSON, but this service fetches no addresses (emotion serve --urls), expected {WHAT_TO_SEND}"
        )
    small = limits.model_copy(update={"body_bytes": min(limits.body_bytes, JSON_BYTES)})
    text = b"".join([piece async for piece in _limited(request, small)])
    try:
        found = Addresses.model_validate_json(text)
    except ValidationError as error:
        raise Refused(
            422, f'got JSON with a fault ({describe_faults(error, "body")[:300]}), expected {{"urls": ["https://..."]}}'
        ) from error
    return Body([Upload(url, None) for url in found.urls], {})


async def _read_form(request: Request, limits: ServeLimits) -> Body:
    parser = _Form(
        request.headers,
        _limited(request, limits),  # type: ignore[arg-type]  # it only iterates over it
        max_files=limits.images,
        max_fields=FIELDS,
        max_part_size=FIELD_BYTES,
    )
    try:
        form = await parser.parse()
        if not parser.ended:
            raise MultiPartException("it has no end")
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise _too_many(limits) from error
        raise Refused(
            400, f"got a form that cannot be read ({error.message.rstrip('.')}), expected {WHAT_TO_SEND}"
        ) from error
    try:
        return await _take_apart(form)
    finally:
        await form.close()


async def _take_apart(form: FormData) -> Body:
    images, fields = [], {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            images.append(Upload(value.filename or name, await value.read()))
        else:
            fields[name] = value
    return Body(images, fields)


def _require_images(images: list[Upload], limits: ServeLimits) -> None:
    if not images:
        raise Refused(422, f"got no image, expected {WHAT_TO_SEND}")
    if len(images) > limits.images:
        raise _too_many(limits)


def _too_many(limits: ServeLimits) -> Refused:
    return Refused(413, f"got more than {limits.images} images, expected fewer: send several requests")


def _media_type(request: Request) -> str:
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    return kind.decode("latin-1").strip().lower()


async def _limited(request: Request, limits: ServeLimits) -> AsyncIterator[bytes]:
    """Yield the body piece by piece, and stop at the limit, before all of it is in memory.

    Raises:
        Refused: the body is larger than the limit, or says that it is.
    """
    said, stream = request.headers.get("content-length", ""), request.stream()
    if said.isdecimal() and int(said) > limits.body_bytes:
        if "expect" not in request.headers:  # a client that asks first sends nothing now
            await _discard(stream, limits.body_bytes)
        raise _too_large(f"{int(said):,} bytes", limits)
    received = 0
    async for piece in stream:
        received += len(piece)
        if received > limits.body_bytes:
            await _discard(stream, limits.body_bytes)
            raise _too_large(f"more than {limits.body_bytes:,} bytes", limits)
        yield piece


async def _discard(stream: AsyncIterator[bytes], most: int) -> None:
    """Receive some more of a body that is refused: many clients read the answer only after they sent everything."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            async for piece in stream:
                most -= len(piece)
                if most < 0:
                    return


def _too_large(got: str, limits: ServeLimits) -> Refused:
    return Refused(
        413,
        f"got a request of {got}, expected at most {limits.body_bytes:,}: send fewer images or smaller ones, for "
        "example scaled to 2000 pixels",
    )
