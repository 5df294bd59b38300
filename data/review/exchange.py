"""Results of a review as files for the next run and for other tools, and the answers of other tools as a review."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from data.base.errors import PipelineError
from data.review.answer import History
from data.review.audited import AuditedData, explain_no_audit, find_latest_audit, load_audited
from data.review.choices import find_answer, list_choices
from data.review.feedback import feedback_folder, read_feedback
from data.review.import_files import Imported, read_import
from data.review.label_studio import TASKS_NAME, make_tasks, write_label_studio
from data.review.matching import ImageFinder
from data.review.review_queue import ReviewItem, build_queue
from data.review.reviewers import open_all_logs, open_log
from data.review.tally import (
    RELABEL_NAME,
    VOTES_NAME,
    Tally,
    count_votes,
    decide_labels,
    list_pictures,
    make_relabel,
    write_relabel,
    write_votes,
)

FEEDBACK_NAME = "feedback"


class Exported(NamedTuple):
    """What was written."""

    relabel: Path
    votes: Path
    tasks: Path
    people: int
    pictures: int
    """With at least one answer."""
    decided: int
    """Rows of the corrections, earlier answers included."""
    changed: int
    """Rows of these that change the label as published."""
    feedback: int
    """Faces of feedback whose class is decided."""
    elsewhere: int
    """Answers on pictures that are neither in the data set nor feedback."""


def load_latest(workspace: Path) -> AuditedData:
    """Return the latest audit with its data.

    Raises:
        PipelineError: there is none, or it cannot be read.
    """
    record = find_latest_audit(workspace)
    if record is None:
        raise PipelineError(f"got {workspace} with {explain_no_audit(workspace)}")
    return load_audited(workspace, record)


def export_reviews(workspace: Path, folder: Path) -> Exported:
    """Write the answers of all people: corrections, votes, decided feedback, and tasks of Label Studio.

    Args:
        workspace: root of the workspace.
        folder: is made if needed; files of the same names in it are replaced.

    Raises:
        PipelineError: there is no audit, or the folder cannot be written.
    """
    data = load_latest(workspace)
    people = {name: log.history.answers() for name, log in open_all_logs(workspace).items()}
    given, known, faces = list(people.values()), list_pictures(data), _list_faces(workspace)
    tally, of_faces = (count_votes(given, pictures, data.labels) for pictures in (known, faces))
    relabel = make_relabel(tally, data)
    tasks = make_tasks(_items(workspace, data, tally.votes["image"].tolist()), people)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_relabel(relabel, folder / RELABEL_NAME)
        write_votes(tally, folder / VOTES_NAME)
        write_label_studio(tasks, list_choices(data.labels), folder)
        decided = _decide_faces(of_faces, data.labels)
        _remove_faces(set(faces["image"]), decided, folder / FEEDBACK_NAME)
        _copy_faces(decided, feedback_folder(workspace), folder / FEEDBACK_NAME)
    except OSError as error:
        raise PipelineError(
            f"got the folder {folder}, which cannot be written ({error.strerror}): name a folder of yours with room"
        ) from error
    return Exported(
        relabel=folder / RELABEL_NAME,
        votes=folder / VOTES_NAME,
        tasks=folder / TASKS_NAME,
        people=len(people),
        pictures=len(tally.votes),
        decided=len(relabel),
        changed=int((relabel["new_label"] != relabel["label"]).sum()),
        feedback=len(decided),
        elsewhere=sum(picture not in known.index and picture not in faces.index for one in given for picture in one),
    )


def import_answers(workspace: Path, file: Path, reviewer: str = "") -> Imported:
    """Add what is new in a file to the answers of the people whom it names.

    Args:
        workspace: root of the workspace.
        file: see `read_import`.
        reviewer: name of the person; see `read_import`.

    Raises:
        PipelineError: there is no audit, the file cannot be used, or it is an export of this workspace and no person is
            named.
    """
    data = load_latest(workspace)
    images = zip(data.manifest["path"].tolist(), data.manifest["pixel_sha256"].tolist(), strict=True)
    earlier = zip(data.answers["image_id"].tolist(), data.answers["pixel_sha256"].tolist(), strict=True)
    feedback = [(f"feedback/{one.file_name}", one.pixel_sha256) for one in read_feedback(workspace)]
    known = {name: log.history for name, log in open_all_logs(workspace).items()}
    finder = ImageFinder([*images, *earlier, *feedback], data.set_aside)
    found = read_import(file, finder, data.labels, reviewer, known)
    if not reviewer:
        _refuse_own_export(file, found, known, data)
    for name, lines in found.lines.items():
        open_log(workspace, name).add(*lines)
    return found


def _refuse_own_export(file: Path, found: Imported, people: Mapping[str, History], data: AuditedData) -> None:
    """Refuse the sums of all people here as the answers of one more person, who would count again."""
    answers = [history.answers() for history in people.values()]
    tally = count_votes(answers, list_pictures(data), data.labels)
    rows = tally.votes.to_dict("records")
    counted = {row["pixel_sha256"]: {name: row[name] for name in tally.answers if row[name] > 0} for row in rows}
    corrections = make_relabel(tally, data)[["pixel_sha256", "new_label"]].itertuples(index=False)
    decided = {picture: {find_answer(label, data.labels): 1.0} for picture, label in corrections}
    for name, lines in found.lines.items():
        said = {line.pixel_sha256: dict(line.votes) for line in lines}
        if name not in people and said in (counted, decided):
            raise PipelineError(
                f"got {file} with exactly what the people of this workspace say together, expected answers of somebody "
                "else: if they are, name the person with --reviewer"
            )


def _list_faces(workspace: Path) -> pd.DataFrame:
    """Return the faces of feedback as `list_pictures` returns those of a data set."""
    rows = {one.pixel_sha256: (one.file_name, "", one.choice) for one in read_feedback(workspace)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["image", "split", "label"]).rename_axis("pixel_sha256")


def _decide_faces(tally: Tally, labels: Sequence[str]) -> dict[str, str]:
    """Return the class that most people gave each face of feedback, by the name of its file."""
    decided = zip(tally.votes["image"].tolist(), decide_labels(tally, labels).tolist(), strict=True)
    return {name: label for name, label in decided if label in labels}


def _remove_faces(names: Collection[str], decided: Mapping[str, str], target: Path) -> None:
    """Remove what an earlier export wrote of faces into folders of other classes; other files stay."""
    for path in target.glob("*/*.png"):
        if path.name in names and decided.get(path.name) != path.parent.name:
            path.unlink()


def _copy_faces(decided: Mapping[str, str], source: Path, target: Path) -> None:
    for name, label in decided.items():
        (target / label).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / label / name)


def _items(workspace: Path, data: AuditedData, answered: Sequence[str]) -> list[ReviewItem]:
    """Return what is asked about, and below it what was answered although it is not asked about now."""
    queue = list(build_queue(data, read_feedback(workspace), feedback_folder(workspace)))
    asked = {item.picture for item in queue}
    others = data.manifest[data.manifest["path"].isin(answered) & ~data.manifest["pixel_sha256"].isin(asked)]
    for path, picture, label in others[["path", "pixel_sha256", "label"]].itertuples(index=False):
        queue.append(
            ReviewItem(
                picture=str(picture),
                image_id=str(path),
                label=str(label),
                suggested="",
                doubt=0,
                reason="suspect",
                path=data.images / str(path),
            )
        )
    return queue
