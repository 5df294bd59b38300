"""Names of files that are one of several parts: pieces of a split archive, and numbered archives of Google."""

import logging
import re
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from data.base.errors import PipelineError

logger = logging.getLogger(__name__)

JOIN_DISKS = "put all parts into one folder and join them there: `zip -s 0 NAME.zip --out WHOLE.zip`"
"""What to do with NAME.z01, NAME.z02, ..., NAME.zip: each but the last has a name of its own kind."""

_DISK = re.compile(r".+\.z\d{2,}", re.IGNORECASE)
_PIECE = re.compile(
    r"(?P<whole>.+\.(?:zip|tar|tgz|tbz2|txz|tar\.(?:gz|bz2|xz)))\.(?:part[._-]?)?(?:\d{2,4}|a[a-z]{1,2})", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"(?P<series>.+-\d{8}T\d{6}Z(?:-\d+)?|Photos-\d+)-(?P<number>\d{3,})(?: ?\(\d+\))?(?P<ending>\.zip|\.tgz|)",
    re.IGNORECASE,
)
"""Name that Google Drive, Takeout and Photos give: of the series, a number, perhaps the (1) of a browser, an ending."""


class _NumberedPart(NamedTuple):
    """One of the archives into which Google packs a folder; each is whole, but holds some of the files only."""

    series: str
    number: int
    ending: str


def refuse_part(name: str, beside: Iterable[str] = ()) -> None:
    """Refuse a file or folder that holds a part of a data set, as far as its name tells.

    Google numbers a single archive as well: a number 1 without others beside it is accepted, with a warning.

    Args:
        name: of the file or folder, without the folders that lead to it.
        beside: names in the same folder.

    Raises:
        PipelineError: it is one of several parts.
    """
    if _DISK.fullmatch(name):
        raise PipelineError(f"{name} is one part of a zip that was split; expected the whole zip: {JOIN_DISKS}")
    if piece := _PIECE.fullmatch(name):
        whole = shlex.quote(piece["whole"])
        raise PipelineError(
            f"{name} is one piece of {piece['whole']}, which was split; expected the whole archive: put all pieces "
            f"into one folder and join them there: `cat {whole}.* > {whole}` (on Windows, 7-Zip joins them)"
        )
    if part := _read_numbered(name):
        _refuse_numbered(name, part, beside)


def _read_numbered(name: str) -> _NumberedPart | None:
    found = _NUMBERED.fullmatch(name)
    return _NumberedPart(found["series"], int(found["number"]), found["ending"]) if found else None


def _refuse_numbered(name: str, part: _NumberedPart, beside: Iterable[str]) -> None:
    others = {other.number for other in map(_read_numbered, beside) if other and other.series == part.series}
    numbers = sorted(others | {part.number})
    if numbers == [1]:
        logger.warning("%s is part 1 of what Google packed; if there are further parts, the data is incomplete", name)
        return
    command = f": `unzip {shlex.quote(f'{part.series}-*.zip')} -d FOLDER`" if part.ending.lower() == ".zip" else ""
    raise PipelineError(
        f"{name} is part {part.number} of several into which Google packed one folder (here: "
        f"{', '.join(map(str, numbers[:9]))}); each holds some of the files only, expected all: unpack all parts into "
        f"one folder and give that folder as the source{command}"
    )
