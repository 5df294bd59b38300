"""Tasks and answers in the formats of Label Studio: its JSON, its CSV, and the configuration of its page.

Source: https://labelstud.io/guide/task_format and https://labelstud.io/tags/choices
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from data.review.answer import Line
from data.review.choices import Choice
from data.review.review_queue import ReviewItem
from data.workspace.atomic import write_atomically

TASKS_NAME = "label_studio.json"
TABLE_NAME = "label_studio.csv"
CONFIG_NAME = "label_studio.xml"

CONTROL, OBJECT = "expression", "image"
"""Names of the choices and of the image in the configuration."""

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio addresses files below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT."""

COLUMNS = (
    "annotation_id",
    "annotator",
    "created_at",
    CONTROL,
    "id",
    OBJECT,
    "image_id",
    "lead_time",
    "pixel_sha256",
    "updated_at",
)
"""Columns of the CSV, those of Label Studio's own export."""

EXPORTED = "exported_answers"
"""Field of a task's data with the answers that it had when it was exported. Every form of export has a task's data."""

FIRST_LETTERS = 10


class Annotation(NamedTuple):
    """An answer as Label Studio's JSON has it."""

    names: dict[str, str]
    """What names the image: each field of the task's data that is text."""
    person: str
    """Empty if unknown."""
    results: list[list[str]]
    """Choices of each result."""
    at: str
    """Time of its last change; empty if unknown."""
    marks: tuple[str, ...]
    """Names of the annotation and of its results; ours are those of `marks_of`."""


def make_tasks(items: Sequence[ReviewItem], people: Mapping[str, Mapping[str, Line]]) -> list[dict[str, Any]]:
    """Return a task an image, with an annotation for each person who answered it.

    Args:
        items: the images; those without an answer become tasks that are open.
        people: name -> the person's answers, by the hash of the picture.

    Returns:
        Tasks as Label Studio imports them. A person is a number, from 1, in the order of the names; `reviewer` has the
        name, which Label Studio ignores.
    """
    numbered = list(enumerate(sorted(people), start=1))
    return [_make_task(item, number, numbered, people) for number, item in enumerate(items, start=1)]


def marks_of(line: Line, name: str) -> tuple[str, str]:
    """Return the names by which an answer is known in Label Studio: that of its result, and the annotation's number.

    Label Studio keeps the first in its JSON, and the second in our own CSV.
    """
    result = hashlib.sha256(f"{line.id}{name}".encode()).hexdigest()[:FIRST_LETTERS]
    return result, str(int(hashlib.sha256(line.id.encode()).hexdigest()[:8], 16))


def write_label_studio(tasks: Sequence[dict[str, Any]], choices: Sequence[Choice], folder: Path) -> None:
    """Write tasks with their annotations as JSON, the annotations as CSV, and the configuration of the page."""
    write_atomically(folder / TASKS_NAME, json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")
    write_atomically(folder / TABLE_NAME, _make_csv(tasks))
    write_atomically(folder / CONFIG_NAME, make_config(choices))


def make_config(choices: Sequence[Choice]) -> str:
    """Return the configuration of Label Studio's page for these answers, with the same keys."""
    lines = [f"    <Choice value={quoteattr(choice.value)}{_hotkey(choice)}/>" for choice in choices]
    return "\n".join(
        [
            "<View>",
            f'  <Image name="{OBJECT}" value="${OBJECT}"/>',
            f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="single" showInline="true">',
            *lines,
            "  </Choices>",
            "</View>",
            "",
        ]
    )


def read_tasks(content: Sequence[Any]) -> Iterator[Annotation]:
    """Yield the annotations of Label Studio's JSON, or of its smaller form JSON_MIN.

    An annotation that was cancelled is left out.
    """
    for task in content:
        if not isinstance(task, dict):
            continue
        data = task.get("data")
        if not isinstance(data, dict):
            yield _read_flat(task)
            continue
        names = {str(key): value for key, value in data.items() if isinstance(value, str)}
        annotations = task.get("annotations", task.get("completions")) or []
        for annotation in annotations if isinstance(annotations, list) else []:
            if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
                chosen, marks = list(_choices_of(annotation.get("result"))), tuple(_read_marks(annotation))
                yield Annotation(names, annotator_of(annotation), chosen, _time_of(annotation), marks)


def annotator_of(annotation: Mapping[str, Any]) -> str:
    """Return who made an annotation: our own name of the person, else an address of e-mail, else a number."""
    if annotation.get("reviewer"):
        return str(annotation["reviewer"])
    who = annotation.get("completed_by", annotation.get("annotator", ""))
    if isinstance(who, dict):
        who = who.get("email") or who.get("id") or ""
    return "" if who is None else str(who)


def _make_task(
    item: ReviewItem, number: int, numbered: Sequence[tuple[int, str]], people: Mapping[str, Mapping[str, Line]]
) -> dict[str, Any]:
    given = [(person, name, people[name].get(item.picture)) for person, name in numbered]
    annotations = [_annotate(line, person, name) for person, name, line in given if line and line.choice]
    data = {OBJECT: LOCAL_FILES + quote(item.image_id), "image_id": item.image_id, "pixel_sha256": item.picture}
    if annotations:
        data[EXPORTED] = " ".join(annotation["result"][0]["id"] for annotation in annotations)
    return {"id": number, "data": data, "annotations": annotations}


def _annotate(line: Line, person: int, name: str) -> dict[str, Any]:
    result, annotation = marks_of(line, name)
    return {
        "id": int(annotation),
        "completed_by": person,
        "reviewer": name,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": line.at,
        "updated_at": line.at,
        "lead_time": line.seconds or 0.0,
        "result_count": 1,
        "result": [
            {
                "id": result,
                "from_name": CONTROL,
                "to_name": OBJECT,
                "type": "choices",
                "origin": "manual",
                "value": {"choices": [line.choice]},
            }
        ],
    }


def _make_csv(tasks: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writeheader()
    for task in tasks:
        for annotation in task["annotations"]:
            row = {key: annotation[key] for key in ("created_at", "updated_at", "lead_time")}
            row |= {"annotation_id": annotation["id"], "annotator": annotation["reviewer"], "id": task["id"]}
            data = {key: task["data"][key] for key in (OBJECT, "image_id", "pixel_sha256")}
            writer.writerow({**row, **data, CONTROL: annotation["result"][0]["value"]["choices"][0]})
    return text.getvalue()


def _read_flat(task: Mapping[str, Any]) -> Annotation:
    """Read a task of JSON_MIN, in which data and answers stand side by side."""
    names = {str(key): value for key, value in task.items() if isinstance(value, str)}
    chosen = task.get(CONTROL, task.get("choice", ""))
    chosen = chosen.get("choices", []) if isinstance(chosen, dict) else [chosen] if isinstance(chosen, str) else chosen
    texts = [one for one in chosen if isinstance(one, str) and one] if isinstance(chosen, list) else []
    return Annotation(names, annotator_of(task), [texts], _time_of(task), ())


def _time_of(annotation: Mapping[str, Any]) -> str:
    """Return when an annotation was changed last; empty if it does not say."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _read_marks(annotation: Mapping[str, Any]) -> Iterator[str]:
    results = annotation.get("result")
    for region in results if isinstance(results, list) else []:
        if isinstance(region, dict) and region.get("id"):
            yield str(region["id"])
    # Label Studio gives annotations numbers of its own; import_id is the one that an imported annotation had.
    yield from (str(annotation[key]) for key in ("id", "import_id") if annotation.get(key))


def _choices_of(result: Any) -> Iterator[list[str]]:
    for region in result if isinstance(result, list) else []:
        value = region.get("value") if isinstance(region, dict) else None
        chosen = value.get("choices") if isinstance(value, dict) else None
        if isinstance(chosen, list):
            yield [one for one in chosen if isinstance(one, str)]


def _hotkey(choice: Choice) -> str:
    plain = [key for key in choice.keys if key.isalnum()]
    return f" hotkey={quoteattr(plain[0])}" if plain else ""
