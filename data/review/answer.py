"""One line in the file of a person: an answer, an image that was skipped, or an earlier line that is taken back."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from data.base.record import Record
from data.votes.reading import MOST_VOTES

Share = Annotated[float, Field(ge=0, le=MOST_VOTES, allow_inf_nan=False)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LineId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]

Kind = Literal["answer", "skip", "undo"]


class Line(Record):
    """One line. Nothing is ever changed or removed: an undo is a line as well."""

    id: LineId = Field(description="made by whoever sends it, so that a line that is sent twice counts once")
    at: str = Field(description="time of the answer, ISO 8601")
    kind: Kind
    image_id: str = Field(default="", max_length=4000, description="path in the data set, or of feedback")
    pixel_sha256: Digest | None = Field(default=None, description="of the pixels that were looked at")
    votes: dict[str, Share] = Field(default={}, description="answer -> weight; one of weight 1 for a person's answer")
    undoes: str = Field(default="", max_length=64, description="id of the line that is taken back")
    seconds: float | None = Field(default=None, ge=0, description="between the image's appearance and the answer")
    informed: bool = Field(default=False, description="whether neighbours and the networks' answers were unfolded")
    origin: Literal["page", "import"] = "page"

    @property
    def choice(self) -> str:
        """Return the answer with the largest weight; empty for none, or for several of equal weight."""
        most = max(self.votes.values(), default=0)
        best = [value for value, weight in self.votes.items() if weight == most and weight > 0]
        return best[0] if len(best) == 1 else ""


class History:
    """What a person's lines mean, in their order: the last line on a picture counts, unless it was taken back."""

    def __init__(self) -> None:
        self._known: dict[str, Line] = {}
        self._lines: dict[str, Line] = {}
        self._of_picture: dict[str, list[str]] = {}

    def knows(self, line_id: str) -> bool:
        """Tell whether a line with this id was added before."""
        return line_id in self._known

    def add(self, line: Line) -> None:
        """Add a line; one that is known already changes nothing."""
        if line.id in self._known:
            return
        self._known[line.id] = line
        if line.kind == "undo":
            undone = self._lines.pop(line.undoes, None)
            if undone and undone.pixel_sha256:
                self._of_picture[undone.pixel_sha256].remove(undone.id)
        elif line.pixel_sha256:
            self._lines[line.id] = line
            self._of_picture.setdefault(line.pixel_sha256, []).append(line.id)

    def every_line(self) -> Iterable[Line]:
        """Return all lines, the oldest first, with those that were taken back or replaced."""
        return self._known.values()

    def lines(self) -> Iterable[Line]:
        """Return the lines that were not taken back, the oldest first."""
        return self._lines.values()

    def current(self) -> dict[str, Line]:
        """Return the line that counts for each picture, by the hash of its pixels."""
        return {picture: self._lines[ids[-1]] for picture, ids in self._of_picture.items() if ids}

    def answers(self) -> dict[str, Line]:
        """Return the answers that count, without the pictures that were skipped."""
        return {picture: line for picture, line in self.current().items() if line.kind == "answer"}
