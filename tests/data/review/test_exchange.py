"""Results of a review: votes and corrections that the next run takes, and a round trip through Label Studio's files."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.quality.label_corrections import apply_relabel, read_answers, read_relabel
from data.review.audited import find_latest_audit
from data.review.exchange import export_reviews, import_answers, load_latest
from data.review.feedback import FeedbackStore, read_feedback
from data.review.reviewers import list_reviewers, make_name, open_log
from data.review.tally import count_votes, decide_labels, list_pictures, make_relabel
from data.workspace.layout import DATASETS_STAGE, IMAGES_STAGE, QUARANTINE_NAME
from models.analysis.label_sample import draw_sample
from tests.support.image_tree import make_pixels
from tests.support.review_factory import make_audited_workspace, make_line, picture_name
from tests.support.seed_format import CLASSES

LABELS = list(CLASSES)


@pytest.fixture
def root(tmp_path):
    return make_audited_workspace(tmp_path / "workspace")


@pytest.fixture
def pictures(root):
    """Path -> hash of the pixels."""
    manifest = load_latest(root).manifest
    return dict(zip(manifest["path"], manifest["pixel_sha256"], strict=True))


@pytest.fixture
def give(root, pictures):
    """Return a function that adds answers of a person: path -> answer."""

    def add(name, answers):
        open_log(root, name).add(
            *(make_line(pictures[path], choice, image_id=path) for path, choice in answers.items())
        )

    return add


def decide(root, give, *answers):
    for number, answer in enumerate(answers):
        give(f"person-{number}", {"train/sad/0.jpg": answer})
    data = load_latest(root)
    people = [open_log(root, name).history.answers() for name in list_reviewers(root)]
    tally = count_votes(people, list_pictures(data), data.labels)
    return decide_labels(tally, data.labels).tolist()


@pytest.mark.parametrize(
    ("answers", "decided"),
    [
        (["happy"], "happy"),
        (["happy", "sad"], ""),
        (["happy", "sad", "happy"], "happy"),
        (["sad", "sad"], "sad"),
        (["unknown", "unknown", "happy"], ""),
        (["no_face", "no_face", "happy"], "remove"),
        (["other"], "remove"),
        (["other", "no_face"], ""),
    ],
)
def test_what_most_people_say_is_decided(root, give, answers, decided):
    assert decide(root, give, *answers) == [decided]


def test_the_corrections_are_an_input_of_the_next_run(root, give, pictures, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad", "train/happy/1.jpg": "no_face", "train/sad/0.jpg": "sad"})
    made = export_reviews(root, tmp_path / "out")
    assert (made.people, made.pictures, made.decided, made.changed, made.elsewhere) == (1, 3, 3, 2, 0)
    relabel = read_relabel(made.relabel, LABELS)
    assert {name: entry.new_label for name, entry in relabel.items()} == {
        "train/happy/0.jpg": "sad",
        "train/happy/1.jpg": "remove",
        "train/sad/0.jpg": "sad",
    }
    done = apply_relabel(load_latest(root).manifest, relabel).counts
    assert (done.relabelled, done.removed, done.confirmed) == (1, 1, 1)
    table = pd.read_csv(made.relabel, encoding="utf-8-sig", dtype="str", keep_default_na=False).set_index("image_id")
    assert table.loc["train/happy/0.jpg", "suspicion"] == "0.9375"
    assert table.loc["train/sad/0.jpg", "suspicion"] == ""


def test_earlier_answers_stay_unless_people_say_otherwise(tmp_path, pictures):
    earlier = [("train/happy/0.jpg", "neutral"), ("train/happy/1.jpg", "sad"), ("train/gone.jpg", "remove")]
    rows = [
        {"image_id": path, "new_label": label, "pixel_sha256": pictures.get(path, picture_name(9))}
        for path, label in earlier
    ]
    path = tmp_path / "earlier.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    root = make_audited_workspace(tmp_path / "workspace", answers=read_answers(path, LABELS), round_number=2)
    open_log(root, "anna").add(make_line(pictures["train/happy/0.jpg"], "happy"))
    found = read_relabel(export_reviews(root, tmp_path / "out").relabel, LABELS)
    assert {name: entry.new_label for name, entry in found.items()} == {
        "train/happy/0.jpg": "happy",
        "train/happy/1.jpg": "sad",
        "train/gone.jpg": "remove",
    }


def make_second_round(root, give, tmp_path):
    """Answer, correct the data set by the answers, and return what the second round starts with."""
    give("anna", {"train/happy/0.jpg": "sad", "train/happy/1.jpg": "happy", "train/sad/0.jpg": "no_face"})
    path = export_reviews(root, tmp_path / "first").relabel
    data = load_latest(root)
    corrected = apply_relabel(data.manifest, read_relabel(path, LABELS)).manifest
    return dataclasses.replace(data, manifest=corrected, answers=read_answers(path, LABELS))


def test_a_second_round_still_says_what_was_published(root, give, tmp_path):
    data = make_second_round(root, give, tmp_path)
    assert data.manifest.set_index("path").loc["train/happy/0.jpg", "label"] == "sad"
    table = make_relabel(count_votes([current(root)["anna"]], list_pictures(data), data.labels), data)
    assert table.set_index("image_id")[["label", "new_label"]].to_dict("index") == {
        "train/happy/0.jpg": {"label": "happy", "new_label": "sad"},
        "train/happy/1.jpg": {"label": "happy", "new_label": "happy"},
        "train/sad/0.jpg": {"label": "sad", "new_label": "remove"},
    }
    counts = draw_sample(data.manifest, table).count(CLASSES)
    assert next((one.label, one.answered, one.wrong) for one in counts) == ("happy", 2, 1)


def test_an_earlier_answer_without_a_label_leaves_that_of_the_data_set(root, give, tmp_path):
    data = make_second_round(root, give, tmp_path)
    data = dataclasses.replace(data, answers=data.answers.assign(label=""))
    assert list_pictures(data).set_index("image").loc["train/happy/0.jpg", "label"] == "sad"


def test_an_undecided_answer_leaves_an_earlier_correction(root, give, tmp_path):
    data = make_second_round(root, give, tmp_path)
    tie = [{picture: make_line(picture, choice) for picture in data.answers["pixel_sha256"]} for choice in LABELS[:2]]
    for people in (tie, [{picture: make_line(picture, "unknown") for picture in data.answers["pixel_sha256"]}]):
        table = make_relabel(count_votes(people, list_pictures(data), data.labels), data)
        assert table["new_label"].tolist() == data.answers["new_label"].tolist()


def test_votes_have_a_column_an_answer_and_a_row_a_picture(root, give, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad", "train/sad/0.jpg": "other"})
    give("ben", {"train/happy/0.jpg": "sad", "train/sad/0.jpg": "unknown"})
    give("cleo", {"train/happy/0.jpg": "happy"})
    open_log(root, "cleo").add(make_line(picture_name(1), "sad"))
    made = export_reviews(root, tmp_path / "out")
    votes = pd.read_csv(made.votes, encoding="utf-8-sig").set_index("image")
    assert list(votes.columns) == ["pixel_sha256", *LABELS, "other", "unknown", "no_face"]
    assert votes.loc["train/happy/0.jpg"].drop("pixel_sha256").tolist() == [1, 0, 2, 0, 0, 0, 0]
    assert votes.loc["train/sad/0.jpg"].drop("pixel_sha256").tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert made.elsewhere == 1


def test_feedback_is_copied_into_the_folder_of_its_class(root, give, tmp_path):
    store = FeedbackStore(root)
    for seed in range(3):
        face = make_pixels(np.random.default_rng(900 + seed))[..., None]
        store.add(face, "happy", "neutral", "emotion/3", {"happy": 0.2})
    sad, nobody, _ = (one.pixel_sha256 for one in read_feedback(root))
    open_log(root, "anna").add(make_line(sad, "sad"), make_line(nobody, "no_face"))
    made = export_reviews(root, tmp_path / "out")
    files = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").glob("feedback/*/*")]
    assert files == [f"feedback/sad/{sad}.png"]
    assert (made.feedback, made.elsewhere, made.decided) == (1, 0, 0)


def test_a_face_whose_class_changed_leaves_its_former_folder(root, tmp_path):
    face = make_pixels(np.random.default_rng(900))[..., None]
    FeedbackStore(root).add(face, "happy", "neutral", "emotion/3", {"happy": 0.2})
    (one,) = read_feedback(root)
    mine = tmp_path / "out" / "feedback" / "happy" / "mine.png"
    mine.parent.mkdir(parents=True)
    mine.touch()
    for choice, folders in (("happy", ["happy"]), ("sad", ["sad"]), ("no_face", [])):
        open_log(root, "anna").add(make_line(one.pixel_sha256, choice))
        export_reviews(root, tmp_path / "out")
        assert [path.parent.name for path in (tmp_path / "out").rglob(one.file_name)] == folders
    assert mine.exists()


def test_an_export_without_an_audit_says_what_to_do(tmp_path):
    with pytest.raises(PipelineError, match="no label audit yet: emotion audit"):
        export_reviews(tmp_path, tmp_path / "out")


def test_an_audit_whose_images_were_not_pulled_is_not_called_missing(root, tmp_path):
    for folder in (IMAGES_STAGE, DATASETS_STAGE):  # as after emotion store pull
        shutil.rmtree(root / folder)
    table = write_csv(tmp_path / "x.csv", [["image", "new_label"], ["train/sad/1.jpg", "happy"]])
    for act in (lambda: export_reviews(root, tmp_path / "out"), lambda: import_answers(root, table)):
        with pytest.raises(PipelineError, match=r"a label audit, but not the images .* emotion store pull --all"):
            act()


def current(root):
    return {name: open_log(root, name).history.answers() for name in list_reviewers(root)}


def chosen(root):
    return {name: {picture: line.choice for picture, line in lines.items()} for name, lines in current(root).items()}


@pytest.mark.parametrize("file", ["label_studio.json", "label_studio.csv"])
def test_label_studios_files_carry_all_answers_to_another_workspace(root, give, tmp_path, file):
    give("anna", {"train/happy/0.jpg": "sad", "train/sad/0.jpg": "other", "train/sad/1.jpg": "no_face"})
    give("ben", {"train/happy/0.jpg": "unknown"})
    export_reviews(root, tmp_path / "out")
    other = make_audited_workspace(tmp_path / "other")
    found = import_answers(other, tmp_path / "out" / file)
    assert (found.unknown_images, found.unknown_answers) == ((), ())
    assert chosen(other) == chosen(root)
    before = {name: open_log(other, name).path.read_bytes() for name in list_reviewers(other)}
    import_answers(other, tmp_path / "out" / file)
    assert {name: open_log(other, name).path.read_bytes() for name in list_reviewers(other)} == before


def test_open_images_are_tasks_without_an_annotation(root, give, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad"})
    tasks = json.loads(export_reviews(root, tmp_path / "out").tasks.read_text())
    assert [len(task["annotations"]) for task in tasks] == [1] + [0] * 7
    (annotation,) = tasks[0]["annotations"]
    assert annotation["result"][0]["value"] == {"choices": ["sad"]}
    assert isinstance(annotation["completed_by"], int)
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=train/happy/0.jpg"


def label_studio_task(image, choice, **changes):
    """A task as Label Studio's JSON export has it."""
    result = {"from_name": "emotion", "to_name": "img", "type": "choices", "value": {"choices": [choice]}}
    annotation = {"id": 7, "completed_by": 3, "was_cancelled": False, "result": [result], **changes}
    return {"id": 1, "data": {"image": image}, "annotations": [annotation], "predictions": []}


@pytest.mark.parametrize(
    "image",
    [
        "/data/local-files/?d=faces/train/sad/1.jpg",
        "/data/local-files/?d=train%2Fsad%2F1.jpg",
        "s3://bucket/faces/train/sad/1.jpg",
        "https://example.org/data/train/sad/1.jpg?token=x",
        "sad/1.jpg",
        "C:\\faces\\train\\sad\\1.jpg",
    ],
)
def test_an_image_is_found_by_the_end_of_its_address(root, pictures, tmp_path, image):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([label_studio_task(image, "Happy")]))
    import_answers(root, path, "ls")
    assert chosen(root) == {"ls": {pictures["train/sad/1.jpg"]: "happy"}}


def send_through_label_studio(path, target, changes=None):
    """Write our tasks as Label Studio gives them back: with its own numbers and times, and without what it ignores.

    Args:
        changes: choice -> the one that somebody changed it to.
    """
    tasks = json.loads(path.read_text())
    for task in tasks:
        for number, annotation in enumerate(task["annotations"], start=1):
            del annotation["reviewer"]
            annotation |= {"id": number, "import_id": None, "completed_by": 1, "updated_at": "2026-02-01T09:00:00Z"}
            value = annotation["result"][0]["value"]
            value["choices"] = [(changes or {}).get(choice, choice) for choice in value["choices"]]
    target.write_text(json.dumps(tasks))
    return target


def test_our_own_answers_come_back_from_label_studio_without_counting_twice(root, give, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad", "train/sad/0.jpg": "other"})
    give("ben", {"train/happy/0.jpg": "happy"})
    before = current(root)
    path = send_through_label_studio(export_reviews(root, tmp_path).tasks, tmp_path / "project-1.json")
    found = import_answers(root, path)
    assert (found.lines, found.unchanged, found.older) == ({}, 3, 0)
    assert current(root) == before


def test_new_answers_of_label_studio_are_those_of_its_annotator(root, give, pictures, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad"})
    path = send_through_label_studio(export_reviews(root, tmp_path).tasks, tmp_path / "project-1.json")
    tasks = json.loads(path.read_text())
    tasks[1]["annotations"] = label_studio_task("", "happy")["annotations"]
    path.write_text(json.dumps(tasks))
    import_answers(root, path, "zoe")
    assert chosen(root) == {
        "anna": {pictures["train/happy/0.jpg"]: "sad"},
        "zoe": {pictures["train/happy/1.jpg"]: "happy"},
    }


def test_an_answer_that_was_changed_in_label_studio_stays_that_of_its_person(root, give, pictures, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad"})
    path = export_reviews(root, tmp_path).tasks
    import_answers(root, send_through_label_studio(path, tmp_path / "project-1.json", {"sad": "neutral"}))
    assert chosen(root) == {"anna": {pictures["train/happy/0.jpg"]: "neutral"}}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_form_of_export_that_does_not_name_our_answers_is_refused(root, give, tmp_path, form):
    give("anna", {"train/happy/0.jpg": "sad"})
    (task, *_) = json.loads(export_reviews(root, tmp_path).tasks.read_text())
    flat = {**task["data"], "id": 1, "annotator": 1, "annotation_id": 1, "expression": "sad"}
    path = tmp_path / f"project.{form}"
    write_csv(path, [list(flat), list(flat.values())]) if form == "csv" else path.write_text(json.dumps([flat]))
    with pytest.raises(PipelineError, match="export it again as JSON"):
        import_answers(root, path)


@pytest.mark.parametrize("file", ["label_studio.json", "label_studio.csv"])
def test_an_older_export_changes_no_newer_answer(root, give, pictures, tmp_path, file):
    path, picture = "train/happy/0.jpg", pictures["train/happy/0.jpg"]
    give("anna", {path: "sad"})
    export_reviews(root, tmp_path)
    other = make_audited_workspace(tmp_path / "other")
    for workspace in (root, other):
        open_log(workspace, "anna").add(make_line(picture, "surprise", "2026-02-05T10:00:00+00:00"))
        import_answers(workspace, tmp_path / file)
        assert chosen(workspace) == {"anna": {picture: "surprise"}}


def test_the_later_of_two_answers_in_a_file_counts(root, pictures, tmp_path):
    times = {"happy": "2026-01-02T10:00:00Z", "sad": "2026-01-01T10:00:00Z"}
    tasks = [label_studio_task("train/sad/1.jpg", choice, updated_at=at) for choice, at in times.items()]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    import_answers(root, path)
    assert chosen(root) == {"export": {pictures["train/sad/1.jpg"]: "happy"}}


def test_an_imported_answer_can_be_given_again(root, pictures, tmp_path):
    def give_by_file(choice):
        path = write_csv(tmp_path / "anna.csv", [["image", "new_label"], ["train/sad/1.jpg", choice]])
        return len(import_answers(root, path, "anna").lines.get("anna", []))

    picture = pictures["train/sad/1.jpg"]
    assert [give_by_file(choice) for choice in ("sad", "happy", "sad", "sad")] == [1, 1, 1, 0]
    assert chosen(root) == {"anna": {picture: "sad"}}
    for _ in range(3):
        open_log(root, "anna").add(make_line(None, kind="undo", undoes=current(root)["anna"][picture].id))
    assert chosen(root) == {"anna": {}}
    assert give_by_file("sad") == 1
    assert chosen(root) == {"anna": {picture: "sad"}}


def test_cancelled_and_foreign_annotations_are_left_out_and_named(root, pictures, tmp_path):
    tasks = [
        label_studio_task("train/sad/1.jpg", "happy"),
        label_studio_task("train/sad/2.jpg", "happy", was_cancelled=True),
        label_studio_task("train/sad/3.jpg", "chair"),
        label_studio_task("1.jpg", "happy"),  # several images have this name
        label_studio_task("nowhere/77.jpg", "happy"),
        {"id": 2},
        "no task",
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    found = import_answers(root, path)
    assert chosen(root) == {"export": {pictures["train/sad/1.jpg"]: "happy"}}
    assert found.unknown_images == ("1.jpg", "nowhere/77.jpg")
    assert found.unknown_answers == ("chair",)


def test_annotators_become_people(root, tmp_path):
    tasks = [
        label_studio_task("train/sad/1.jpg", "happy", completed_by={"id": 4, "email": "anna@example.org"}),
        label_studio_task("train/sad/1.jpg", "sad", completed_by={"id": 5, "email": "ben@example.org"}),
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    import_answers(root, path)
    people = [make_name("anna@example.org"), make_name("ben@example.org")]
    assert list_reviewers(root) == people
    import_answers(root, path, "team")
    assert list_reviewers(root)[2:] == [make_name("anna@example.org", "team"), make_name("ben@example.org", "team")]


def test_annotators_of_a_file_with_a_long_name_stay_several_people(root, pictures, tmp_path):
    tasks = [label_studio_task("train/sad/1.jpg", answer, completed_by=person) for person, answer in enumerate(LABELS)]
    path = tmp_path / "project-10-at-2026-11-30-10-17-8c1a4b5a.json"
    path.write_text(json.dumps(tasks))
    import_answers(root, path)
    assert sorted(answers[pictures["train/sad/1.jpg"]] for answers in chosen(root).values()) == sorted(LABELS)
    people = list_reviewers(root)
    import_answers(root, path)
    assert list_reviewers(root) == people


def write_csv(path, rows, separator=","):
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return path


def test_votes_of_other_tools_are_read(root, pictures, tmp_path):
    rows = [
        ["image", "happiness", "sadness", "contempt", "NF"],
        ["train/sad/1.jpg", 7, 2, 1, 0],
        ["sad/2.jpg", 0, 0, 0, 0],
        ["train/sad/3.jpg", 0, "", 0, 10],
    ]
    import_answers(root, write_csv(tmp_path / "crowd.csv", rows))
    lines = current(root)["crowd"]
    assert {picture: line.votes for picture, line in lines.items()} == {
        pictures["train/sad/1.jpg"]: {"happy": 7, "sad": 2, "other": 1},
        pictures["train/sad/3.jpg"]: {"no_face": 10},
    }


def test_votes_may_have_one_class_and_classes_that_the_data_set_lacks(root, pictures, tmp_path):
    path = write_csv(tmp_path / "one.csv", [["image", "happy"], ["train/sad/1.jpg", 2]])
    import_answers(root, path)
    rows = [["id", "image", "happy", "bored", "remark"], [7, "train/sad/1.jpg", 1, 9, "dark"]]
    import_answers(root, write_csv(tmp_path / "two.csv", rows))
    picture = pictures["train/sad/1.jpg"]
    assert current(root)["one"][picture].votes == {"happy": 2}
    assert current(root)["two"][picture].votes == {"happy": 1, "other": 9}


def test_a_hash_in_upper_case_and_a_cell_without_a_choice_are_understood(root, pictures, tmp_path):
    rows = [
        ["pixel_sha256", "expression"],
        [pictures["train/sad/1.jpg"].upper(), '{"choices": ["happy"]}'],
        [pictures["train/sad/2.jpg"], '{"choices": null}'],
    ]
    import_answers(root, write_csv(tmp_path / "x.csv", rows))
    assert chosen(root) == {"x": {pictures["train/sad/1.jpg"]: "happy"}}


@pytest.mark.parametrize("other", ["train/sad/1.jpg", "sad/1.jpg"])
def test_two_rows_about_one_image_are_refused(root, tmp_path, other):
    rows = [["image", "happy", "sad"], ["train/sad/1.jpg", 3, 0], [other, 0, 1]]
    with pytest.raises(PipelineError, match=r"rows 1 and 2 about train/sad/1\.jpg, expected one row"):
        import_answers(root, write_csv(tmp_path / "x.csv", rows))
    assert list_reviewers(root) == []


def test_corrections_are_read_even_as_a_spreadsheet_saves_them(root, pictures, tmp_path):
    rows = [
        ["image_id", "label", "new_label", "pixel_sha256"],
        ["train/sad/1.jpg", "sad", "Happy", pictures["train/sad/1.jpg"]],
        ["train/sad/2.jpg", "sad", "", pictures["train/sad/2.jpg"]],
        ["train/sad/3.jpg", "sad", "remove", pictures["train/sad/3.jpg"]],
        ["train/sad/4.jpg", "sad", "happy", picture_name(1)],  # other pixels than were looked at
    ]
    found = import_answers(root, write_csv(tmp_path / "my relabel.csv", rows, ";"))
    assert chosen(root) == {
        make_name("my relabel"): {pictures["train/sad/1.jpg"]: "happy", pictures["train/sad/3.jpg"]: "no_face"}
    }
    assert found.unknown_images == ("train/sad/4.jpg",)


def test_a_name_that_an_image_which_was_set_aside_has_too_means_none(root, tmp_path):
    record = find_latest_audit(root)
    quarantine = root / DATASETS_STAGE / record.inputs["dataset"] / QUARANTINE_NAME
    frame = pd.DataFrame({"path": ["old/sad/1.jpg", "gone/2.jpg"], "split": "train", "label": "sad", "reason": "blank"})
    frame.to_parquet(quarantine, index=False)
    rows = [["image", "new_label"], ["sad/1.jpg", "happy"], ["gone/2.jpg", "happy"], ["sad/3.jpg", "happy"]]
    found = import_answers(root, write_csv(tmp_path / "x.csv", rows))
    assert found.unknown_images == ("sad/1.jpg", "gone/2.jpg")


def test_our_own_results_come_back(root, give, tmp_path):
    give("anna", {"train/happy/0.jpg": "sad", "train/sad/0.jpg": "no_face"})
    made = export_reviews(root, tmp_path / "out")
    other = make_audited_workspace(tmp_path / "other")
    import_answers(other, made.relabel)
    import_answers(other, made.votes, "votes")
    assert chosen(other)["relabel"] == chosen(other)["votes"] == chosen(root)["anna"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "[]",
        "{}",
        "a,b\n1,2\n",
        "image,happy,sad\ntrain/sad/1.jpg,-1,2\n",
        "image,happy,sad\nx,one,two\n",
        "image,happy,sad\ntrain/sad/1.jpg,2000000,2\n",
        "\x00",
    ],
)
def test_another_file_is_refused_with_what_is_expected(root, tmp_path, content):
    path = tmp_path / "file.csv"
    path.write_text(content)
    with pytest.raises(PipelineError, match="expected"):
        import_answers(root, path)
    assert list_reviewers(root) == []


@pytest.mark.parametrize("cell", ["x", "-1", "nan"])
def test_a_vote_that_is_no_number_is_named_with_row_and_column(root, tmp_path, cell):
    path = tmp_path / "votes.csv"
    path.write_text(f"image,happy,sad\ntrain/sad/1.jpg,1,2\ntrain/sad/2.jpg,1,{cell}\n")
    with pytest.raises(PipelineError, match=f"row 2 has {cell} in sad, expected a number from 0 to"):
        import_answers(root, path)


def test_a_file_that_does_not_exist_is_named(root, tmp_path):
    with pytest.raises(PipelineError, match=r"none\.json"):
        import_answers(root, tmp_path / "none.json")


@pytest.mark.parametrize("name", ["votes.csv", "relabel.csv"])
def test_an_own_export_is_no_further_person(root, give, tmp_path, name):
    give("anna", {"train/happy/0.jpg": "sad", "train/happy/1.jpg": "no_face", "train/sad/0.jpg": "sad"})
    give("ben", {"train/happy/0.jpg": "sad"})
    export_reviews(root, tmp_path / "out")
    with pytest.raises(PipelineError, match=r"exactly what the people of this workspace say together.*--reviewer"):
        import_answers(root, tmp_path / "out" / name)
    assert set(current(root)) == {"anna", "ben"}
    import_answers(root, tmp_path / "out" / name, "cleo")
    give("ben", {"train/happy/1.jpg": "no_face"})
    assert set(current(root)) == {"anna", "ben", "cleo"}
