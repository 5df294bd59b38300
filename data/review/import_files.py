"""Answers of other tools, read as those of people: Label Studio's JSON and CSV, and CSVs of votes and corrections."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from data.base.errors import PipelineError
from data.review.answer import Line
from data.review.choices import find_answer
from data.review.label_studio import CONTROL, read_tasks
from data.review.matching import ImageFinder
from data.review.reviewers import make_name

MOST_BYTES = 1 << 30
NAMES = ("image", "image_id", "path", "pixel_sha256", "file")
"""Columns that name an image."""

NAMED_EXAMPLES = 3


class ReadAnswer(NamedTuple):
    """One answer as a file has it."""

    names: Mapping[str, str]
    """Fields that may name the image."""
    person: str
    """Empty if the file does not say."""
    votes: Mapping[str, float]
    """Word of the file -> weight."""


class Imported(NamedTuple):
    """Answers of a file, for each person."""

    lines: Mapping[str, list[Line]]
    unknown_images: tuple[str, ...]
    """What names no image of the data set, or several."""
    unknown_answers: tuple[str, ...]
    """Words that are no answer."""


def read_import(path: Path, finder: ImageFinder, labels: Sequence[str], reviewer: str = "") -> Imported:
    """Read the answers of a file.

    Args:
        path: a JSON export of Label Studio (JSON or JSON_MIN), its CSV export, a CSV of votes (a column an answer), or
            a CSV of corrections (`new_label`).
        finder: of the images.
        labels: of the data set.
        reviewer: name of the person; empty for the name of the file. If the file names several people, each is
            `reviewer-PERSON`; if it was written by `emotion review --export`, and no name is given, they keep theirs.

    Raises:
        PipelineError: it cannot be read, has another format, or none of its answers is on an image of the data set.
    """
    answers = list(_read(path, labels))
    people = sorted({answer.person for answer in answers})
    names = _name_people(people, reviewer, path.stem)
    lines: dict[str, list[Line]] = {}
    unknown_images, unknown_answers = [], []
    for answer in answers:
        picture = finder.find_any(answer.names)
        votes = _translate(answer.votes, labels, unknown_answers)
        if picture is None:
            unknown_images.append(next(iter(answer.names.values()), "an answer without an image"))
        elif votes:
            name = names[answer.person]
            lines.setdefault(name, []).append(_make_line(name, picture.image_id, picture.pixel_sha256, votes))
    if not lines:
        raise PipelineError(
            f"got {path} with {len(answers)} answers, none of which is on an image of the last audit's data set with a "
            f"known answer (images: {_list(unknown_images)}; answers: {_list(unknown_answers)}), expected paths as in "
            f"the data set and the answers {', '.join(labels)}, other, unknown, no_face: correct the file"
        )
    return Imported(lines, tuple(unknown_images), tuple(dict.fromkeys(unknown_answers)))


def _read(path: Path, labels: Sequence[str]) -> Iterator[ReadAnswer]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
        if text.lstrip()[:1] in ("[", "{"):
            content = json.loads(text)
            yield from _read_json(content if isinstance(content, list) else [content])
        else:
            yield from _read_csv(path, text, labels)
    except (OSError, ValueError, RecursionError) as error:
        raise PipelineError(
            f"got {path}, which cannot be read ({str(error).splitlines()[0]}), expected Label Studio's JSON or CSV "
            "export, or a CSV of votes or corrections in UTF-8: export it again"
        ) from error


def _read_json(content: Sequence[Any]) -> Iterator[ReadAnswer]:
    # Label Studio's converter writes the tasks of several files as a list of lists.
    tasks = [task for one in content for task in (one if isinstance(one, list) else [one])]
    for names, person, results, _ in read_tasks(tasks):
        for chosen in results[:1]:
            if chosen:
                yield ReadAnswer(names, person, {one: 1 / len(chosen) for one in chosen})


def _read_csv(path: Path, text: str, labels: Sequence[str]) -> Iterator[ReadAnswer]:
    header = text.splitlines()[0] if text else ""
    separator = max(",;\t", key=header.count)
    table = pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig").fillna("")
    columns = [str(column) for column in table.columns]
    naming = [column for column in columns if column in NAMES]
    counted = [column for column in columns if column not in NAMES and find_answer(column, labels)]
    chosen = next((column for column in ("new_label", CONTROL, "choice", "label") if column in columns), "")
    if not naming or not (counted or chosen):
        raise PipelineError(
            f"got {path} with the columns {', '.join(columns)[:300]}, expected one of {', '.join(NAMES)}, and "
            f"new_label, {CONTROL}, choice, or a column for each of {', '.join(labels)}: rename them"
        )
    for row in table.to_dict("records"):
        names = {column: str(row[column]) for column in naming if row[column]}
        votes = _count(row, counted) if len(counted) > 1 and chosen in ("", "label") else _choose(str(row[chosen]))
        if votes:
            yield ReadAnswer(names, str(row.get("annotator", "")), votes)


def _count(row: Mapping[Any, Any], columns: Sequence[str]) -> dict[str, float]:
    """Return the votes of a row.

    Raises:
        ValueError: one is no number, or negative.
    """
    votes = {column: float(row[column] or 0) for column in columns}
    if any(not 0 <= votes[column] < float("inf") for column in columns):
        raise ValueError(f"got the votes {votes}, expected numbers from 0 on")
    return {column: weight for column, weight in votes.items() if weight > 0}


def _choose(text: str) -> dict[str, float]:
    """Return the answer in a cell; Label Studio writes several choices as JSON."""
    text = text.strip()
    if text.startswith("{"):
        found = json.loads(text).get("choices", [])
        return {str(one): 1 / len(found) for one in found}
    return {text: 1.0} if text else {}


def _translate(votes: Mapping[str, float], labels: Sequence[str], unknown: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word, weight in votes.items():
        answer = find_answer(word, labels)
        if answer:
            found[answer] = found.get(answer, 0.0) + weight
        else:
            unknown.append(word)
    return found


def _name_people(people: Sequence[str], reviewer: str, file_name: str) -> dict[str, str]:
    """Return the name for each person of a file, by what the file says of them."""
    if len(people) == 1 and (reviewer or not people[0] or people[0].isdecimal()):
        return {people[0]: reviewer or make_name(file_name)}
    return {person: _name_one(person, reviewer, file_name) for person in people}


def _name_one(person: str, reviewer: str, file_name: str) -> str:
    if not person:
        return reviewer or make_name(file_name)
    return make_name(person, prefix=reviewer or (file_name if person.isdecimal() else ""))


def _make_line(reviewer: str, image_id: str, picture: str, votes: Mapping[str, float]) -> Line:
    """Return the line; the same answer of the same person has the same id, so that a second import adds nothing."""
    content = json.dumps([reviewer, picture, sorted(votes.items())])
    return Line(
        id=hashlib.sha256(content.encode()).hexdigest()[:32],
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        kind="answer",
        image_id=image_id,
        pixel_sha256=picture,
        votes=dict(votes),
        origin="import",
    )


def _list(texts: Sequence[str]) -> str:
    found = list(dict.fromkeys(texts))
    return ", ".join(found[:NAMED_EXAMPLES]) + (" and others" if len(found) > NAMED_EXAMPLES else "") or "none missing"
