"""The web application of the review page: which address answers what."""

import asyncio
import logging
from typing import Annotated, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ValidationError

from data.base.errors import PipelineError
from data.base.record import describe_faults
from serving.review.desk import Desk
from serving.review.messages import GivenAnswer, GivenUndo, Reviewer
from serving.web.door import Refused
from serving.web.page import read_page

logger = logging.getLogger(__name__)

BODY_BYTES = 1 << 14
BODY_SECONDS = 10.0
AHEAD = 30
MOST_AHEAD = 200

NOT_STORED = {"Cache-Control": "no-store"}
KEPT_A_WHILE = {"Cache-Control": "private, max-age=3600"}
"""A picture's address has the hash of its pixels, so it never changes; the browser may fetch it ahead."""

Given = TypeVar("Given", bound=BaseModel)


def create_app(desk: Desk) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="Review of labels", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Refused, _refuse)
    app.add_exception_handler(PipelineError, _explain)
    _add_page(app, desk)
    _add_answers(app, desk)
    return app


def _add_page(app: FastAPI, desk: Desk) -> None:
    @app.get("/")
    async def page() -> Response:
        found = read_page("serving.review", "'self' data:")
        return HTMLResponse(found.html, headers={**found.headers, **NOT_STORED, "Permissions-Policy": "camera=()"})

    @app.get("/health")
    async def health() -> Response:
        return JSONResponse({"ready": True}, headers=NOT_STORED)

    @app.get("/start")
    async def start() -> Response:
        return _json(await run_in_threadpool(desk.start))

    @app.get("/image/{picture}")
    async def image(picture: str) -> Response:
        content = await run_in_threadpool(desk.picture, picture)
        return Response(content, media_type="image/png", headers=KEPT_A_WHILE)

    @app.get("/information/{picture}")
    async def information(picture: str) -> Response:
        return _json(await run_in_threadpool(desk.inform, picture))


def _add_answers(app: FastAPI, desk: Desk) -> None:
    @app.get("/queue")
    async def queue(reviewer: Reviewer, count: Annotated[int, Query(ge=1, le=MOST_AHEAD)] = AHEAD) -> Response:
        return _json(await run_in_threadpool(desk.queue, reviewer, count))

    @app.post("/answer")
    async def answer(request: Request) -> Response:
        return _json(await run_in_threadpool(desk.answer, await _read(request, GivenAnswer)))

    @app.post("/undo")
    async def undo(request: Request) -> Response:
        return _json(await run_in_threadpool(desk.undo, await _read(request, GivenUndo)))


async def _read(request: Request, kind: type[Given]) -> Given:
    """Read a body of JSON up to its limits.

    Raises:
        Refused: it is too large, arrives too slowly, or is something else.
    """
    content = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                content += piece
                if len(content) > BODY_BYTES:
                    raise Refused(413, f"got more than {BODY_BYTES:,} bytes, expected one answer")
    except TimeoutError as error:
        raise Refused(408, f"got a part of the answer within {BODY_SECONDS:g} s, expected all of it") from error
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise Refused(422, f"got an answer with a fault: {describe_faults(error, 'body')[:300]}") from error


def _json(record: BaseModel) -> Response:
    return Response(record.model_dump_json(), media_type="application/json", headers=NOT_STORED)


async def _refuse(_: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    wait = {"Retry-After": str(refused.retry_seconds)} if refused.retry_seconds else {}
    return JSONResponse({"detail": refused.message}, refused.status, {**NOT_STORED, **wait})


async def _explain(_: Request, error: Exception) -> Response:
    logger.warning("%s", error)
    return JSONResponse({"detail": str(error)}, 503, NOT_STORED)
