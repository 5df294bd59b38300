"""Answers of other tools, read as those of people: Label Studio's JSON and CSV, and CSVs of votes and corrections."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from data.base.errors import PipelineError
from data.base.times import parse_time
from data.review.answer import History, Line
from data.review.choices import find_answer
from data.review.label_studio import CONTROL, EXPORTED, marks_of, read_tasks
from data.review.matching import ImageFinder, Picture
from data.review.reviewers import make_name
from data.votes.column import OTHER, UNKNOWN
from data.votes.reading import IGNORED_COLUMNS, IMAGE_COLUMNS, MOST_VOTES, PIXEL_COLUMNS, USAGE_COLUMN

MOST_BYTES = 1 << 30
NAMES = ("image", "image_id", "path", "pixel_sha256", "file")
"""Columns that name an image."""

PATHS = ("image_id", "image", "path", "file")

LABEL_STUDIO_COLUMNS = ("annotator", "annotationid", "createdat", "updatedat", "leadtime")

NO_VOTES = frozenset((*IMAGE_COLUMNS, *PIXEL_COLUMNS, USAGE_COLUMN, *IGNORED_COLUMNS, *LABEL_STUDIO_COLUMNS))
"""Columns that are not votes, whatever they hold; case, blanks and punctuation do not count."""

NAMED_EXAMPLES = 3


class ReadAnswer(NamedTuple):
    """One answer as a file has it."""

    names: Mapping[str, str]
    """Fields that may name the image."""
    person: str
    """Empty if the file does not say."""
    votes: Mapping[str, float]
    """Word of the file -> weight."""
    at: str = ""
    """Empty if the file does not say."""
    marks: tuple[str, ...] = ()
    """Names of the answer in Label Studio, see `data.review.label_studio.marks_of`."""
    row: int = 0
    """Of a CSV, the first one below the header is 1."""


class Found(NamedTuple):
    """An answer on a known image; its votes are for answers of the data set."""

    answer: ReadAnswer
    picture: Picture


class Imported(NamedTuple):
    """Answers of a file, and what was left out."""

    lines: Mapping[str, list[Line]]
    """What is new, for each person."""
    unchanged: int
    """Answers that the person has given already."""
    older: int
    """Answers that are older than what the person says now."""
    unknown_images: tuple[str, ...]
    """What names no image of the data set, or several."""
    unknown_answers: tuple[str, ...]
    """Words that are no answer."""


def read_import(
    path: Path, finder: ImageFinder, labels: Sequence[str], reviewer: str = "", people: Mapping[str, History] = {}
) -> Imported:
    """Read the answers of a file, and find those that are new.

    An answer is not new if the person says the same already, or said something else later. An answer that was exported
    from here belongs to the person who gave it, whoever Label Studio says it is of.

    Args:
        path: a JSON export of Label Studio (JSON or JSON_MIN), its CSV export, a CSV of votes (a column an answer), or
            a CSV of corrections (`new_label`).
        finder: of the images.
        labels: of the data set.
        reviewer: name of the person; empty for the name of the file. If the file names several people, each is
            `reviewer-PERSON`; if it was written by `emotion review --export`, and no name is given, they keep theirs.
        people: name -> what the person answered before.

    Raises:
        PipelineError: it cannot be read, has another format, has two rows for one image, or none of its answers is on
            an image of the data set.
    """
    answers = list(_read(path, labels))
    found, unknown_images, unknown_answers = _find_pictures(answers, finder, labels)
    if not found:
        raise PipelineError(
            f"got {path} with {len(answers)} answers, none of which is on an image of the last audit's data set with a "
            f"known answer (images: {_list(unknown_images)}; answers: {_list(unknown_answers)}), expected paths as in "
            f"the data set and the answers {', '.join(labels)}, other, unknown, no_face: correct the file"
        )
    _refuse_twice(found, finder, path)
    given = _assign(found, people, reviewer, path.stem)
    return _find_new(given, people)._replace(
        unknown_images=tuple(unknown_images), unknown_answers=tuple(dict.fromkeys(unknown_answers))
    )


def _read(path: Path, labels: Sequence[str]) -> Iterator[ReadAnswer]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
        if text.lstrip()[:1] in ("[", "{"):
            content = json.loads(text)
            yield from _read_json(path, content if isinstance(content, list) else [content])
        else:
            yield from _read_csv(path, text, labels)
    except (OSError, ValueError, RecursionError) as error:
        raise PipelineError(
            f"got {path}, which cannot be read ({str(error).splitlines()[0]}), expected Label Studio's JSON or CSV "
            "export, or a CSV of votes or corrections in UTF-8: export it again"
        ) from error


def _read_json(path: Path, content: Sequence[Any]) -> Iterator[ReadAnswer]:
    # Label Studio's converter writes the tasks of several files as a list of lists.
    tasks = [task for one in content for task in (one if isinstance(one, list) else [one])]
    _refuse_sent_back(path, [task.get(EXPORTED) for task in tasks if isinstance(task, dict)])
    for names, person, results, at, marks in read_tasks(tasks):
        for chosen in results[:1]:
            if chosen:
                yield ReadAnswer(names, person, {one: 1 / len(chosen) for one in chosen}, at, marks)


def _read_csv(path: Path, text: str, labels: Sequence[str]) -> Iterator[ReadAnswer]:
    header = text.splitlines()[0] if text else ""
    separator = max(",;\t", key=header.count)
    table = pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig").fillna("")
    columns = [str(column) for column in table.columns]
    _refuse_sent_back(path, table[EXPORTED].tolist() if EXPORTED in columns else [])
    naming = [column for column in columns if column in NAMES]
    counted = _find_counted(table, labels)
    chosen = next((column for column in ("new_label", CONTROL, "choice", "label") if column in columns), "")
    if not naming or not (counted or chosen):
        raise PipelineError(
            f"got {path} with the columns {', '.join(columns)[:300]}, expected one of {', '.join(NAMES)}, and "
            f"new_label, {CONTROL}, choice, or a column for each of {', '.join(labels)}: rename them"
        )
    has_votes = not chosen or (chosen == "label" and len(counted) > 1)
    for number, row in enumerate(table.to_dict("records"), start=1):
        names = {column: str(row[column]) for column in naming if row[column]}
        at = str(row.get("updated_at") or row.get("created_at") or "")
        votes = _count(row, number, counted) if has_votes else _choose(str(row[chosen]))
        if votes:
            marks = (str(row.get("annotation_id", "")),)
            yield ReadAnswer(names, str(row.get("annotator", "")), votes, at, marks, number)


def _find_counted(table: pd.DataFrame, labels: Sequence[str]) -> dict[str, str]:
    """Return each column with votes, and the answer that it is about. Numbers for another class count as other."""
    counted = {str(column): find_answer(str(column), labels) for column in table.columns if column not in NAMES}
    if not any(counted.values()):
        return {}
    for column in [column for column, answer in counted.items() if not answer]:
        plain = re.sub(r"[\W_]+", "", column.casefold())
        if plain not in NO_VOTES and pd.to_numeric(table[column], errors="coerce").notna().any():
            counted[column] = OTHER if OTHER not in labels else UNKNOWN
    return {column: answer for column, answer in counted.items() if answer}


def _count(row: Mapping[Any, Any], number: int, columns: Mapping[str, str]) -> dict[str, float]:
    """Return the votes of a row.

    Raises:
        ValueError: one is no number, negative, or too large.
    """
    votes: dict[str, float] = {}
    for column, answer in columns.items():
        try:
            weight = float(row[column] or 0)
        except ValueError:
            weight = -1.0  # refused below, as a negative number is
        if not 0 <= weight <= MOST_VOTES:
            raise ValueError(f"row {number} has {row[column]} in {column}, expected a number from 0 to {MOST_VOTES:,}")
        votes[answer] = votes.get(answer, 0.0) + weight
    return {answer: weight for answer, weight in votes.items() if weight > 0}


def _choose(text: str) -> dict[str, float]:
    """Return the answer in a cell; Label Studio writes several choices as JSON."""
    text = text.strip()
    if text.startswith("{"):
        found = json.loads(text).get("choices")
        found = found if isinstance(found, list) else []
        return {str(one): 1 / len(found) for one in found}
    return {text: 1.0} if text else {}


def _refuse_sent_back(path: Path, exported: Sequence[Any]) -> None:
    """Refuse a form of export that does not tell answers that were exported from here from new ones."""
    if any(exported):
        raise PipelineError(
            f"got {path} with tasks that had answers when they were exported from here, which this form of export does "
            "not tell from new ones; expected Label Studio's form JSON: export it again as JSON"
        )


def _find_pictures(
    answers: Sequence[ReadAnswer], finder: ImageFinder, labels: Sequence[str]
) -> tuple[list[Found], list[str], list[str]]:
    """Return the answers on known images, with the answers' own names, and what is unknown: images and words."""
    found: list[Found] = []
    unknown_images: list[str] = []
    unknown_answers: list[str] = []
    for answer in answers:
        picture = finder.find_any(answer.names)
        votes = _translate(answer.votes, labels, unknown_answers)
        if picture is None:
            unknown_images.append(next(iter(answer.names.values()), "an answer without an image"))
        elif votes:
            found.append(Found(answer._replace(votes=votes), picture))
    return found, unknown_images, unknown_answers


def _refuse_twice(found: Sequence[Found], finder: ImageFinder, path: Path) -> None:
    """Refuse two rows of one person about one image. Where rows have times, the later one is the person's answer."""
    seen: dict[tuple[str, str], int] = {}
    for answer, picture in found:
        if not answer.row or answer.at:
            continue
        by_path = next(filter(None, (finder.find(answer.names.get(key, "")) for key in PATHS)), picture)
        first = seen.setdefault((answer.person, by_path.image_id), answer.row)
        if first != answer.row:
            raise PipelineError(
                f"got {path} with the rows {first} and {answer.row} about {by_path.image_id}, expected one row an "
                "image: remove repeated rows, or add their votes up"
            )


def _assign(
    found: Sequence[Found], people: Mapping[str, History], reviewer: str, file_name: str
) -> list[tuple[str, Found, Line | None]]:
    """Return whose each answer is, and the line that it was exported from, if it was."""
    marked = {
        (line.pixel_sha256, mark): (name, line)
        for name, history in people.items()
        for line in history.every_line()
        if line.kind == "answer"
        for mark in marks_of(line, name)
    }
    ours = [
        next((marked[key] for mark in one.answer.marks if (key := (one.picture.pixel_sha256, mark)) in marked), None)
        for one in found
    ]
    persons = sorted({one.answer.person for one, own in zip(found, ours, strict=True) if own is None})
    names = _name_people(persons, reviewer, file_name)
    return [
        (own[0], one, own[1]) if own else (names[one.answer.person], one, None)
        for one, own in zip(found, ours, strict=True)
    ]


def _find_new(given: Sequence[tuple[str, Found, Line | None]], people: Mapping[str, History]) -> Imported:
    """Return what changes what a person says, as lines that are new."""
    now = datetime.now(UTC)
    said = {name: people[name].answers() if name in people else {} for name, _, _ in given}
    lines: dict[str, list[Line]] = {}
    unchanged = older = 0
    for name, one, exported in sorted(given, key=lambda each: _time_of(each[1].answer, now)):
        line = _make_line(one, _time_of(one.answer, now))
        before = said[name].get(one.picture.pixel_sha256)
        if (exported and exported.choice == line.choice) or (before and before.votes == line.votes):
            unchanged += 1
        elif before and parse_time(line.at) < parse_time(before.at):
            older += 1
        else:
            lines.setdefault(name, []).append(line)
            said[name][one.picture.pixel_sha256] = line
    return Imported(lines, unchanged, older, (), ())


def _time_of(answer: ReadAnswer, now: datetime) -> datetime:
    """Return when an answer was given: now, if the file does not say so, or says something impossible."""
    at = parse_time(answer.at)
    return at if parse_time("") < at <= now else now


def _make_line(found: Found, at: datetime) -> Line:
    return Line(
        id=uuid.uuid4().hex,
        at=at.astimezone(UTC).isoformat(timespec="milliseconds"),
        kind="answer",
        image_id=found.picture.image_id,
        pixel_sha256=found.picture.pixel_sha256,
        votes=dict(found.answer.votes),
        origin="import",
    )


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


def _list(texts: Sequence[str]) -> str:
    found = list(dict.fromkeys(texts))
    return ", ".join(found[:NAMED_EXAMPLES]) + (" and others" if len(found) > NAMED_EXAMPLES else "") or "none missing"
