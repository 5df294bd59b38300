"""People who review labels: their names, and the folder with a file for each."""

import re
from pathlib import Path

from data.base.errors import PipelineError
from data.review.answer_log import AnswerLog
from data.workspace.layout import REVIEWS_FOLDER

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
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


def make_name(text: str) -> str:
    """Return a name of a person that is made from any text, such as an address of e-mail or the name of a file."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).lstrip("_.-")[:40]
    return plain or "imported"


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
