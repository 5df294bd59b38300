"""The web application: which address answers what. It knows no Prefect and no TensorFlow."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data.photos.reading import PhotoRefused
from data.review.feedback import FeedbackStore
from serving.answers import PhotoAnswer
from serving.web.bodies import Body, Upload, read_body
from serving.web.champion import ChampionFollower
from serving.web.door import Door, Refused
from serving.web.explanation import GRID, explain_face
from serving.web.feedback import list_answers, store_feedback
from serving.web.limits import ServeLimits
from serving.web.messages import EXAMPLES, FORM_BODY, Answers, Explanation, Health, ModelCard, Refusal, Stored
from serving.web.metrics import CONTENT_TYPE, Metrics
from serving.web.page import read_page
from serving.web.prediction_log import PredictionLog
from serving.web.texts import (
    DESCRIPTION,
    EXPRESSION,
    LAW,
    LAW_URL,
    TITLE,
    describe_feedback,
    describe_privacy,
    list_limits,
)

if TYPE_CHECKING:
    from serving.predictor import Predictor

NO_ANSWER = ("unreadable", "unavailable", "too_large")
"""Outcomes of images on which there is nothing to say."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "A form that cannot be read."},
    408: {"model": Refusal, "description": "The request arrived too slowly."},
    413: {"model": Refusal, "description": "Too many bytes or images."},
    403: {"model": Refusal, "description": "Addresses of images, or feedback, which this service does not take."},
    415: {"model": Refusal, "description": "Neither a form nor an image."},
    422: {"model": Refusal, "description": "No image, or one that cannot be read."},
    429: {"model": Refusal, "description": "Too many requests at once; see Retry-After."},
    503: {"model": Refusal, "description": "No champion yet, or no answer in time; see Retry-After."},
    507: {"model": Refusal, "description": "No room for feedback."},
}
WAIT_SECONDS = 5


class Service:
    """What the addresses share.

    Args:
        follower: has the champion.
        limits: of requests.
        log: where answers are written down; None for nowhere.
        may_fetch: whether images are fetched from addresses that a request names.
        feedback: where answers of users are stored; None for nowhere.
    """

    def __init__(
        self,
        follower: ChampionFollower,
        limits: ServeLimits,
        log: PredictionLog | None = None,
        may_fetch: bool = False,
        feedback: FeedbackStore | None = None,
    ) -> None:
        self.follower, self.limits, self.log, self.may_fetch = follower, limits, log, may_fetch
        self.feedback = feedback
        self.door, self.metrics = Door(limits), Metrics()

    def predictor(self) -> "Predictor":
        """Return what answers now.

        Raises:
            Refused: there is no champion yet.
        """
        current = self.follower.current
        if current is None:
            raise Refused(503, self.follower.message, WAIT_SECONDS)
        return current

    def answer(self, images: list[Upload]) -> Answers:
        """Answer on images, all by one version.

        Raises:
            Refused: none of them can be read.
        """
        predictor = self.predictor()
        bundle = predictor.bundle
        answers = tuple(self._answer_one(predictor, one) for one in images)
        self.metrics.count_answers(answers)
        if all(answer.outcome in NO_ANSWER for answer in answers):
            raise Refused(422, "; ".join(answer.message for answer in answers))
        return Answers(
            version=predictor.version, labels=bundle.data_format.labels, threshold=bundle.threshold, answers=answers
        )

    def _answer_one(self, predictor: "Predictor", image: Upload) -> PhotoAnswer:
        try:
            data = fetch_public(image.name, self.limits) if image.data is None else image.data
        except PhotoRefused as refused:
            return PhotoAnswer(
                source=image.name, outcome=refused.outcome, message=str(refused), version=predictor.version
            )
        answer = self._require_few_faces(predictor.predict_image(data, image.name))
        if self.log:
            self.log.add(data, answer, predictor.bundle.data_format.labels)
        return answer

    def explain(self, image: Upload, number: int) -> Explanation:
        """Explain the answer on one face of an image; see `serving.web.explanation`."""
        return explain_face(self.predictor(), image, number)

    def keep(self, body: Body, number: int) -> Stored:
        """Store what a user says of the answer on one face; see `serving.web.feedback`."""
        stored = store_feedback(self.predictor(), self.feedback, body, number)
        self.metrics.feedback.inc(stored.stored)
        return stored

    def card(self) -> ModelCard:
        """Describe the version that answers.

        Raises:
            Refused: there is no champion yet.
        """
        current = self.predictor()  # once: it may be another one in the next line
        return ModelCard(
            version=current.version,
            bundle=current.bundle,
            expression=EXPRESSION,
            limits=tuple(list_limits(current.bundle)),
            law=LAW,
            law_url=LAW_URL,
            privacy=describe_privacy(self.log is not None, self.feedback is not None),
            feedback=list_answers(current.bundle.data_format.labels) if self.feedback else (),
            feedback_notice=describe_feedback(current.bundle) if self.feedback else "",
            most_images=self.limits.images,
            most_bytes=self.limits.body_bytes,
            grid=GRID,
        )

    def _require_few_faces(self, answer: PhotoAnswer) -> PhotoAnswer:
        if len(answer.faces) > self.limits.faces:
            raise Refused(
                422,
                f"got {len(answer.faces)} faces in one image, expected at most {self.limits.faces}: send parts of it",
            )
        return answer


def create_app(service: Service) -> FastAPI:
    """Return the application; it follows the champion as long as it runs."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.follower.start()
        yield
        service.follower.stop()
        service.door.close()

    # The pages of FastAPI that show the description load scripts from other hosts: they are off.
    app = FastAPI(title=TITLE, description=DESCRIPTION, version="1", docs_url=None, redoc_url=None, lifespan=life)
    app.add_middleware(_Measured, metrics=service.metrics)  # type: ignore[arg-type]
    app.add_exception_handler(Refused, _refuse)
    _add_answers(app, service)
    _add_state(app, service)
    return app


def _add_answers(app: FastAPI, service: Service) -> None:
    @app.post(
        "/predict", summary="Answer on images", responses={**EXAMPLES["predict"], **REFUSALS}, openapi_extra=FORM_BODY
    )
    async def predict(request: Request) -> Response:
        async with service.door.place() as place:
            service.predictor()
            body = await read_body(request, service.limits, service.may_fetch)
            return _json(await place.work(service.answer, body.images))

    @app.post(
        "/explain",
        summary="Show which parts of a face an answer depends on",
        responses={200: {"model": Explanation}, **REFUSALS},
        openapi_extra=FORM_BODY,
    )
    async def explain(request: Request) -> Response:
        async with service.door.place() as place:
            service.predictor()
            body = await read_body(request, service.limits)
            return _json(await place.work(service.explain, body.images[0], _face_number(body)))

    @app.post(
        "/feedback",
        summary="Say what a face shows whose answer is wrong, if whoever runs this service stores that",
        responses={200: {"model": Stored}, **REFUSALS},
        openapi_extra=FORM_BODY,
    )
    async def feedback(request: Request) -> Response:
        async with service.door.place() as place:
            service.predictor()
            body = await read_body(request, service.limits)
            return _json(await place.work(service.keep, body, _face_number(body)))


def _face_number(body: Body) -> int:
    number = body.fields.get("face", "0")
    if not number.isdecimal() or len(number) > 6:
        raise Refused(422, f"got face {number[:20]!r}, expected its number in the answer, from 0")
    return int(number)


def _add_state(app: FastAPI, service: Service) -> None:
    follower = service.follower

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        found = read_page()
        return HTMLResponse(found.html, headers=found.headers)

    @app.get("/health", summary="Tell whether it answers", responses={200: {"model": Health}, 503: {"model": Health}})
    async def health() -> Response:
        current = follower.current
        state = Health(ready=current is not None, version=current.version if current else "", message=follower.message)
        return _json(state, status=200 if current else 503)

    @app.get("/model", summary="Describe the version that answers", responses={200: {"model": ModelCard}})
    async def model() -> Response:
        return _json(service.card())

    @app.get("/metrics", summary="Counts and times for Prometheus", response_class=Response)
    async def metrics() -> Response:
        version = follower.current.version if follower.current else ""
        return Response(service.metrics.text(version, follower.swaps, service.door.taken), media_type=CONTENT_TYPE)


def _json(record: Any, status: int = 200) -> Response:
    return Response(record.model_dump_json(), status, media_type="application/json")


async def _refuse(_: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    headers = {"Retry-After": str(refused.retry_seconds)} if refused.retry_seconds else None
    return JSONResponse({"detail": refused.message}, refused.status, headers)


def fetch_public(url: str, limits: ServeLimits) -> bytes:
    """Fetch an image from a public address, within the limits of a request.

    Raises:
        PhotoRefused: there is none, or its address belongs to this machine or its network.
    """
    from serving.fetch import IMAGE_SETTINGS, fetch_image

    changes = {"max_bytes": limits.body_bytes, "deadline_seconds": limits.seconds, "timeout_seconds": limits.seconds}
    return fetch_image(url, IMAGE_SETTINGS.model_copy(update=changes), only_public=True)


class _Measured:
    """Application whose requests are counted and timed; unknown paths count as one, so that nobody can make many."""

    KNOWN = ("/", "/predict", "/explain", "/feedback", "/health", "/model", "/metrics", "/openapi.json")

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self.KNOWN else "other"
        started, status = time.perf_counter(), "none"

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self.metrics.requests.labels(path, status).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - started)
