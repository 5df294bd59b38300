"""What a user says of a wrong answer, where that was switched on: the face and the right answer are stored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from data.review.feedback import FeedbackFull, FeedbackStore
from data.votes.column import NO_FACE, OTHER
from serving.web.bodies import Body
from serving.web.door import Refused
from serving.web.messages import Stored
from serving.web.seen_face import see_face

if TYPE_CHECKING:
    from serving.predictor import Predictor

OFF = (
    "got feedback, which this service does not store: whoever runs it can switch that on with emotion serve --feedback"
)


def list_answers(labels: Sequence[str]) -> tuple[str, ...]:
    """Return what a user can say that a face shows: a class of the champion, another expression, or no face."""
    return (*labels, *(extra for extra in (OTHER, NO_FACE) if extra not in labels))


def store_feedback(predictor: "Predictor", store: FeedbackStore | None, body: Body, number: int) -> Stored:
    """Store one face of an image, as the network saw it, with the answer of a user.

    Args:
        predictor: answers on the image again, so that what is stored is what it saw and said.
        store: of the workspace; None if feedback is off.
        body: the image, and the field `choice`.
        number: of the face in the answer, from 0.

    Raises:
        Refused: feedback is off, the choice is none of `list_answers`, there is no such face, or there is no room.
    """
    if store is None:
        raise Refused(403, OFF)
    choice, known = body.fields.get("choice", ""), list_answers(predictor.bundle.data_format.labels)
    if choice not in known:
        raise Refused(422, f"got the answer {choice[:60]!r}, expected one of {', '.join(known)}")
    seen = see_face(predictor, body.images[0], number)
    said = dict(zip(predictor.bundle.data_format.labels, seen.answer.probabilities, strict=True))
    try:
        new = store.add(seen.pixels, choice, seen.answer.label, predictor.version, said)
    except FeedbackFull as full:
        raise Refused(
            507, "no more feedback is stored until somebody has reviewed it: thank you all the same"
        ) from full
    except OSError as error:
        raise Refused(507, f"the feedback was not stored ({error.strerror}): tell whoever runs this service") from error
    return Stored(stored=new)
