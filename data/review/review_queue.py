"""Images that people are asked about: the audit's random sample, and then, the largest doubt first, suspected labels,
images on which earlier votes were divided, and feedback of users of the champion.

Pictures with equal pixels are asked about once."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from data.base.record import Record
from data.records.votes import DECIDED_SHARE
from data.review.answer import Line
from data.review.audited import AuditedData
from data.review.feedback import Feedback
from data.votes.column import share_agreed, stack_votes

Reason = Literal["sample", "suspect", "divided", "feedback"]


class ReviewItem(Record):
    """One picture about which people are asked."""

    picture: str = Field(description="SHA-256 of its pixels")
    image_id: str = Field(description="path in the data set; of feedback, the name of its file")
    label: str = Field(description="as published; of feedback, the class that the user chose")
    suggested: str = Field(description="the networks' class; empty if none is stored")
    doubt: float = Field(
        ge=0,
        le=1,
        description="1 minus the probability, or the share of votes, of the answer so far; 0 if none is known",
    )
    reason: Reason
    path: Path


def build_queue(
    data: AuditedData | None, feedback: Iterable[Feedback] = (), feedback_folder: Path = Path()
) -> tuple[ReviewItem, ...]:
    """Return the pictures that people are asked about: the random sample, then the largest doubt first.

    The sample comes first, because its answers make a better list of suspects.

    Args:
        data: the latest audit; None if there is none.
        feedback: of users of the champion.
        feedback_folder: with its pictures.
    """
    items: dict[str, ReviewItem] = {}
    sources = [_feedback(feedback, feedback_folder)]
    if data is not None:
        sources += [_suspects(data), _divided(data)]
    for item in (one for source in sources for one in source):
        known = items.get(item.picture)
        if known is None or known.doubt < item.doubt:
            items[item.picture] = item
    if data is not None:
        items |= {item.picture: item for item in _sample(data, items)}
    return tuple(sorted(items.values(), key=lambda item: (item.reason != "sample", -item.doubt, item.image_id)))


def order_open(queue: Iterable[ReviewItem], current: Mapping[str, Line]) -> list[ReviewItem]:
    """Return what a person has not answered yet: first what is new to them, then what they skipped, oldest skip first.

    Args:
        queue: of all people.
        current: the person's lines, see `History.current`.
    """
    fresh, skipped = [], []
    for item in queue:
        line = current.get(item.picture)
        if line is None:
            fresh.append(item)
        elif line.kind == "skip":
            skipped.append((line.at, item))
    return fresh + [item for _, item in sorted(skipped, key=lambda pair: pair[0])]


def _sample(data: AuditedData, known: Mapping[str, ReviewItem]) -> Iterator[ReviewItem]:
    images = data.manifest[data.manifest["path"].isin(data.audit.sample)]
    for path, picture, label in images[["path", "pixel_sha256", "label"]].itertuples(index=False):
        doubted = known.get(picture)
        yield ReviewItem(
            picture=picture,
            image_id=path,
            label=label,
            suggested=doubted.suggested if doubted else "",
            doubt=doubted.doubt if doubted else 0,
            reason="sample",
            path=data.images / path,
        )


def _suspects(data: AuditedData) -> Iterator[ReviewItem]:
    pictures = dict(zip(data.manifest["path"].tolist(), data.manifest["pixel_sha256"].tolist(), strict=True))
    for suspect in data.audit.suspects:
        if suspect.image_id in pictures:
            yield ReviewItem(
                picture=pictures[suspect.image_id],
                image_id=suspect.image_id,
                label=suspect.label,
                suggested=suspect.suggested_label,
                doubt=suspect.suspicion,
                reason="suspect",
                path=data.images / suspect.image_id,
            )


def _divided(data: AuditedData) -> Iterator[ReviewItem]:
    answered = set(data.answers["pixel_sha256"])
    images = data.manifest.assign(share=share_agreed(stack_votes(data.manifest, len(data.labels))))
    rows = images.loc[images["share"] < DECIDED_SHARE, ["path", "pixel_sha256", "label", "share"]]
    for path, picture, label, share in rows.itertuples(index=False):
        if picture not in answered:
            yield ReviewItem(
                picture=str(picture),
                image_id=str(path),
                label=str(label),
                suggested="",
                doubt=1 - float(share),
                reason="divided",
                path=data.images / str(path),
            )


def _feedback(feedback: Iterable[Feedback], folder: Path) -> Iterator[ReviewItem]:
    for one in feedback:
        yield ReviewItem(
            picture=one.pixel_sha256,
            image_id=f"feedback/{one.file_name}",
            label=one.choice,
            suggested=one.answered,
            doubt=min(1.0, max(0.0, 1 - one.probabilities.get(one.choice, 0.0))),
            reason="feedback",
            path=folder / one.file_name,
        )
