"""People who review labels: their names, and the folder with a file for each."""

import hashlib
import re
from pathlib import Path

from data.base.errors import PipelineError
from data.review.answer_log import AnswerLog
from data.workspace.layout import REVIEWS_FOLDER

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
LONGEST_NAME = 40
HASH_LETTERS = 8
SUFFIX = ".jsonl"


def check_name(name: str) -> str:
    """Return the name of a person, which is the name of a file too.

    Raises:
        PipelineError: it has other characters, or too many.
    """
    if not NAME.fullmatch(name):
        raise PipelineError(
            f"got {name[:60]!r} for the name of a reviewer, expected 1 to 40 letters without accents, digits, dots, "
            "hyphens or underscores, the first a letter or a digit: choose another name"
        )
    return name


def make_name(text: str, prefix: str = "") -> str:
    """Return a name of a person that is made from any text, such as an address of e-mail or the name of a file.

    The same text always gives the same name. Two texts give two names: where characters were replaced or left out, the
    name ends with a hash of the whole text.

    Args:
        text: that says who the person is; it is kept longer than the prefix is.
        prefix: stands before it, such as the name of a file whose people are numbers.
    """
    whole = f"{prefix}-{text}" if prefix else text
    if NAME.fullmatch(whole):
        return whole
    ending = f"-{hashlib.sha256(whole.encode(errors='surrogatepass')).hexdigest()[:HASH_LETTERS]}"
    person = _plain(text)[: LONGEST_NAME - len(ending)]
    before = _plain(prefix)[: max(LONGEST_NAME - len(ending) - len(person) - 1, 0)]
    return (_plain("-".join(filter(None, (before, person)))) or "imported") + ending


def reviews_folder(workspace: Path) -> Path:
    """Return the folder of all reviews of a workspace."""
    return workspace / REVIEWS_FOLDER


def list_reviewers(workspace: Path) -> list[str]:
    """Return the names of all who have a file, sorted."""
    names = [path.name.removesuffix(SUFFIX) for path in reviews_folder(workspace).glob(f"*{SUFFIX}")]
    return sorted(name for name in names if NAME.fullmatch(name))


def open_log(workspace: Path, name: str) -> AnswerLog:
    """Return the answers of a person, of whom there may be none yet.

    Raises:
        PipelineError: no such name is allowed.
    """
    return AnswerLog(reviews_folder(workspace) / f"{check_name(name)}{SUFFIX}")


def open_all_logs(workspace: Path) -> dict[str, AnswerLog]:
    """Return the answers of everybody who has a file, by name."""
    return {name: open_log(workspace, name) for name in list_reviewers(workspace)}


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")
