"""Bodies of the service's answers, with the examples that its description shows."""

from typing import Any

from pydantic import Field

from data.base.record import Record
from data.records.export import ExportBundle
from serving.answers import PhotoAnswer


class Answers(Record):
    """Answers on the images of a request, in their order."""

    version: str = Field(description="that answered all of them")
    labels: tuple[str, ...] = Field(description="order of the probabilities")
    threshold: float | None = Field(description="least certainty of an answer that is not uncertain; None: none is")
    answers: tuple[PhotoAnswer, ...]


class Explanation(Record):
    """How much the probability of a face's label falls if a part of the face is covered."""

    version: str
    label: str
    certainty: float = Field(description="calibrated probability of the label, 0..1, with nothing covered")
    falls: tuple[tuple[float, ...], ...] = Field(
        description="rows from the top, columns from the left, -1..1; negative: this part speaks for another label"
    )
    height: int = Field(description="of the face as the network sees it")
    width: int
    channels: int
    pixels: str = Field(description="the face as the network sees it: base64 of its bytes, row by row")


class Stored(Record):
    """What became of feedback."""

    stored: bool = Field(description="false if the same answer on the same face was stored before")


class Health(Record):
    """Whether the service answers."""

    ready: bool
    version: str = Field(description="that answers; empty if there is none")
    message: str = Field(description="what keeps it from the present champion; empty if nothing does")


class ModelCard(Record):
    """The version that answers: what it can do, and what it must not be used for."""

    version: str
    bundle: ExportBundle
    expression: str
    limits: tuple[str, ...]
    law: str
    law_url: str
    privacy: str
    feedback: tuple[str, ...] = Field(description="what a user can say of a wrong answer; empty if that is off")
    feedback_notice: str = Field(description="what is stored then; empty if nothing is")
    most_images: int = Field(description="of a request")
    most_bytes: int = Field(description="of a request")
    grid: int = Field(description="rows and columns of an explanation")


class Refusal(Record):
    """Why there is no answer."""

    detail: str = Field(description="what was got, what was expected, and what to do")


_FACE = {
    "face": {
        "box": {"left": 412.0, "top": 96.5, "width": 181.0, "height": 240.2},
        "certainty": 0.94,
        "landmarks": [[455.1, 190.3], [538.4, 188.0], [497.9, 241.2], [463.0, 285.6], [531.7, 283.4]],
    },
    "outcome": "scored",
    "notes": [],
    "label": "happy",
    "certainty": 0.91,
    "uncertain": False,
    "probabilities": [0.91, 0.05, 0.01, 0.03],
}

_ANSWERS = {
    "version": "emotion/3",
    "labels": ["happy", "neutral", "sad", "surprise"],
    "threshold": 0.55,
    "answers": [
        {
            "source": "photo.jpg",
            "outcome": "faces",
            "message": "",
            "width": 1024,
            "height": 683,
            "faces": [_FACE],
            "version": "emotion/3",
        }
    ],
}

EXAMPLES: dict[str, dict[int | str, dict[str, Any]]] = {
    "predict": {
        200: {
            "model": Answers,
            "description": "An answer for each image, in their order. If one of several images cannot be read, its "
            "outcome and its message say so.",
            "content": {"application/json": {"example": _ANSWERS}},
        }
    }
}

_BINARY = {"type": "string", "format": "binary"}

FORM_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": _BINARY, "description": "Photos, or faces cut out already."},
                        "face": {
                            "type": "integer",
                            "description": "Number of a face, from 0; for /explain and /feedback alone.",
                        },
                        "choice": {"type": "string", "description": "The right answer; for /feedback alone."},
                    },
                }
            },
            "image/jpeg": {"schema": _BINARY},
            "image/png": {"schema": _BINARY},
        },
    }
}
