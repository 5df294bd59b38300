"""Bodies of the requests and answers of the review page."""

from typing import Annotated, Literal

from pydantic import Field

from data.base.record import Record
from data.review.agreement import Agreement
from data.review.answer import Digest, LineId
from data.review.choices import Choice

Reviewer = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]


class Start(Record):
    """What the page needs before somebody begins."""

    choices: tuple[Choice, ...]
    reviewers: tuple[str, ...] = Field(description="who answered before")
    total: int = Field(description="pictures that people are asked about")
    sample: int = Field(description="pictures of the audit's random sample")
    suspects: int
    divided: int = Field(description="pictures on which earlier votes were divided")
    feedback: int = Field(description="pictures that users of the champion sent")
    message: str = Field(description="why there is nothing to review; empty if there is something")


class Recent(Record):
    """A line of a person that can be taken back."""

    id: str
    picture: str
    choice: str = Field(description="empty for a picture that was skipped")


class Progress(Record):
    """How far a person is."""

    answered: int
    skipped: int
    total: int
    per_hour: float | None = Field(description="images an hour, without pauses; None: not known yet")


class QueuePage(Record):
    """What a person is asked next."""

    pictures: tuple[str, ...] = Field(description="in order")
    recent: tuple[Recent, ...] = Field(description="the oldest first")
    progress: Progress
    agreement: tuple[Agreement, ...] = Field(description="of every two people who share enough pictures")


class GivenAnswer(Record):
    """Answer of a person, or a picture that was skipped."""

    reviewer: Reviewer
    id: LineId
    kind: Literal["answer", "skip"]
    picture: Digest
    choice: str = Field(default="", max_length=60)
    seconds: float | None = Field(default=None, ge=0, le=1e6)
    informed: bool = False


class GivenUndo(Record):
    """Line of a person that is taken back."""

    reviewer: Reviewer
    id: LineId
    undoes: LineId


class SimilarImage(Record):
    """An image of the data set that looks alike, with its label there, which earlier answers may have corrected."""

    picture: str
    label: str
    similarity: float


class Information(Record):
    """What is known of a picture; people ask for it only where they need it."""

    image_id: str
    label: str = Field(description="as published")
    reason: str
    doubt: float
    suggested: str
    probabilities: dict[str, float] = Field(description="mean of the networks that did not learn from it; may be empty")
    votes: dict[str, float] = Field(description="of earlier people; may be empty")
    similar: tuple[SimilarImage, ...]
