"""Desk at which people review labels: what is open for each, and where their answers go."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from data.base.errors import PipelineError
from data.review.agreement import compare_people, images_per_hour
from data.review.answer import Line
from data.review.answer_log import AnswerLog
from data.review.audited import AuditedData, explain_no_audit, find_latest_audit, load_audited
from data.review.choices import list_answers, list_choices
from data.review.feedback import feedback_folder, read_feedback
from data.review.neighbours import Neighbours
from data.review.pictures import read_as_png
from data.review.review_queue import ReviewItem, build_queue, order_open
from data.review.reviewers import list_reviewers, open_log
from data.votes.column import EXTRAS, stack_votes, vote_names
from data.workspace.in_use import StagesInUse
from serving.review.messages import (
    GivenAnswer,
    GivenUndo,
    Information,
    Progress,
    QueuePage,
    Recent,
    SimilarImage,
    Start,
)
from serving.review.opinions import read_opinions
from serving.web.door import Refused

LOOK_SECONDS = 5.0
"""Time between two looks for a newer audit and for feedback."""

MOST_RECENT = 50
SIMILAR = 8
NOTHING_DOUBTED = "the last label audit suspects no image, and no other image is in doubt"


class Board(NamedTuple):
    """What is reviewed at present; replaced as a whole when there is a newer audit or feedback."""

    data: AuditedData | None
    in_use: StagesInUse | None
    """Keeps the stages of the audit from being pruned."""
    items: dict[str, ReviewItem]
    """By picture, in the order in which people are asked."""
    paths: dict[str, Path]
    """File of every picture that can be shown."""
    neighbours: Neighbours | None


class Desk:
    """What the addresses of the page share; several threads may use it at once.

    Args:
        workspace: root of the workspace; it may be empty.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace.resolve()
        self._lock = threading.RLock()
        self._logs: dict[str, AnswerLog] = {}
        self._opinions: tuple[str, dict[str, dict[str, float]]] = ("", {})
        self._seen: tuple[str, int] = ("-", -1)
        self._looked = -LOOK_SECONDS
        self._board = Board(None, None, {}, {}, None)

    def start(self) -> Start:
        """Return what the page needs before somebody begins."""
        board = self.board()
        reasons = [item.reason for item in board.items.values()]
        reason = explain_no_audit(self.workspace) if board.data is None else board.data.audit.reason
        return Start(
            choices=list_choices(self._labels(board)),
            reviewers=tuple(list_reviewers(self.workspace)),
            total=len(reasons),
            sample=reasons.count("sample"),
            suspects=reasons.count("suspect"),
            divided=reasons.count("divided"),
            feedback=reasons.count("feedback"),
            message="" if reasons else reason or NOTHING_DOUBTED,
        )

    def queue(self, reviewer: str, count: int) -> QueuePage:
        """Return what a person is asked next, the person's last answers, and how people agree."""
        board = self.board()
        if board.neighbours and board.items:  # they take seconds, so they are there when somebody asks for them
            threading.Thread(target=board.neighbours.prepare, name="neighbours", daemon=True).start()
        with self._lock:
            history = self._log(reviewer).refresh()
            open_items = order_open(board.items.values(), history.current())[:count]
            recent = [line for line in history.lines() if line.pixel_sha256 in board.paths][-MOST_RECENT:]
            people = {name: self._log(name).refresh().answers() for name in list_reviewers(self.workspace)}
            progress = self._progress(reviewer, board)
        return QueuePage(
            pictures=tuple(item.picture for item in open_items),
            recent=tuple(Recent(id=one.id, picture=one.pixel_sha256 or "", choice=one.choice) for one in recent),
            progress=progress,
            agreement=compare_people(people),  # without the lock: others may answer meanwhile
        )

    def answer(self, given: GivenAnswer) -> Progress:
        """Write an answer down, and return when it is on the disk.

        Raises:
            Refused: the picture is not known, the answer does not exist, or it cannot be written.
        """
        board = self.board()
        with self._lock:
            log = self._log(given.reviewer)
            if not log.refresh().knows(given.id):
                self._write(log, self._line_of(given, board))
            return self._progress(given.reviewer, board)

    def undo(self, given: GivenUndo) -> Progress:
        """Write down that a line is taken back, and return when that is on the disk.

        Raises:
            Refused: it cannot be written.
        """
        board = self.board()
        with self._lock:
            self._write(
                self._log(given.reviewer),
                Line(id=given.id, at=_now(), kind="undo", undoes=given.undoes),
            )
            return self._progress(given.reviewer, board)

    def picture(self, picture: str) -> bytes:
        """Return a picture as PNG.

        Raises:
            Refused: it is not known.
        """
        path = self.board().paths.get(picture)
        if path is None:
            raise Refused(404, "got a picture that is not reviewed now, expected one of the queue: reload the page")
        return read_as_png(path)

    def inform(self, picture: str) -> Information:
        """Return what is known of a picture: its label, what networks and earlier people say, and similar images.

        Raises:
            Refused: nobody is asked about it.
        """
        board = self.board()
        item = board.items.get(picture)
        if item is None:
            raise Refused(404, "got a picture that is not reviewed now, expected one of the queue: reload the page")
        return Information(
            image_id=item.image_id,
            label=item.label,
            reason=item.reason,
            doubt=item.doubt,
            suggested=item.suggested,
            probabilities=self._opinions_of(board).get(item.image_id, {}),
            votes=_earlier_votes(board.data, item),
            similar=_find_similar(board, item),
        )

    def board(self) -> Board:
        """Return what is reviewed at present, after a look for news at most every few seconds."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._look()
                self._looked = time.monotonic()
            return self._board

    def _look(self) -> None:
        record, feedback = find_latest_audit(self.workspace), read_feedback(self.workspace)
        seen = (record.key if record else "", len(feedback))
        if seen == self._seen:
            return
        data, in_use, neighbours = self._board.data, self._board.in_use, self._board.neighbours
        if record and (data is None or data.key != record.key):
            in_use = StagesInUse(self.workspace)
            data = load_audited(self.workspace, record, in_use)
            neighbours = Neighbours(data.images, data.manifest["path"].tolist())
        items = build_queue(data, feedback, feedback_folder(self.workspace))
        paths = {item.picture: item.path for item in items}
        if data is not None:
            images = data.manifest[["pixel_sha256", "path"]].itertuples(index=False)
            paths = {**{str(picture): data.images / str(path) for picture, path in images}, **paths}
        self._board = Board(data, in_use, {item.picture: item for item in items}, paths, neighbours)
        self._seen = seen

    def _labels(self, board: Board) -> tuple[str, ...]:
        if board.data is not None:
            return board.data.labels
        said = {label for item in board.items.values() for label in (item.label, item.suggested)}
        return tuple(sorted(said - {"", *EXTRAS}))  # without an audit, feedback alone says which classes there are

    def _log(self, reviewer: str) -> AnswerLog:
        if reviewer not in self._logs:
            self._logs[reviewer] = open_log(self.workspace, reviewer)
        return self._logs[reviewer]

    def _line_of(self, given: GivenAnswer, board: Board) -> Line:
        if given.picture not in board.paths:
            raise Refused(404, "got an answer on a picture that is not reviewed now: reload the page")
        known = list_answers(self._labels(board))
        if given.kind == "answer" and given.choice not in known:
            raise Refused(422, f"got the answer {given.choice!r}, expected one of {', '.join(known)}")
        item = board.items.get(given.picture)
        return Line(
            id=given.id,
            at=_now(),
            kind=given.kind,
            image_id=item.image_id if item else "",
            pixel_sha256=given.picture,
            votes={given.choice: 1.0} if given.kind == "answer" else {},
            seconds=given.seconds,
            informed=given.informed,
        )

    def _write(self, log: AnswerLog, line: Line) -> None:
        try:
            log.add(line)
        except OSError as error:
            raise Refused(
                507, f"the answer was not saved ({error.strerror}): make room on the disk; the page tries again", 5
            ) from error

    def _progress(self, reviewer: str, board: Board) -> Progress:
        history = self._log(reviewer).history
        lines = [line for picture, line in history.current().items() if picture in board.items]
        return Progress(
            answered=sum(line.kind == "answer" for line in lines),
            skipped=sum(line.kind == "skip" for line in lines),
            total=len(board.items),
            per_hour=images_per_hour([line for line in history.lines() if line.kind == "answer"]),
        )

    def _opinions_of(self, board: Board) -> dict[str, dict[str, float]]:
        if board.data is None:
            return {}
        with self._lock:
            if self._opinions[0] != board.data.key:
                self._opinions = (board.data.key, read_opinions(board.data.networks, board.data.labels))
            return self._opinions[1]


def _earlier_votes(data: AuditedData | None, item: ReviewItem) -> dict[str, float]:
    if data is None:
        return {}
    images = data.manifest[data.manifest["path"] == item.image_id]
    named = zip(vote_names(data.labels), stack_votes(images, len(data.labels)).T, strict=True)
    return {name: float(votes[0]) for name, votes in named if votes.size and votes[0] > 0}


def _find_similar(board: Board, item: ReviewItem) -> tuple[SimilarImage, ...]:
    if board.data is None or board.neighbours is None:
        return ()
    try:
        found = board.neighbours.find(item.path, 2 * SIMILAR)
    except PipelineError:
        return ()
    rows = board.data.manifest.iloc[[one.row for one in found]][["pixel_sha256", "label"]]
    similar: dict[str, SimilarImage] = {}
    for one, (picture, label) in zip(found, rows.itertuples(index=False), strict=True):
        if picture != item.picture and picture not in similar:
            similar[str(picture)] = SimilarImage(
                picture=str(picture), label=str(label), similarity=round(one.similarity, 3)
            )
    return tuple(similar.values())[:SIMILAR]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
