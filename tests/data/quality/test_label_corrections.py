"""Suspects go out as a CSV, corrections come back, and what does not fit is refused."""

import hashlib
from dataclasses import FrozenInstanceError
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.quality.cleaning import CleaningPolicy, clean_manifest
from data.quality.label_corrections import (
    CSV_COLUMNS,
    Correction,
    apply_relabel,
    empty_answers,
    join_answers,
    leave_out_answered,
    read_answers,
    read_relabel,
    write_audit_csv,
    write_sample_csv,
)
from data.records.label_audit import Candidate, LabelAudit, Suspect
from tests.support.image_tree import make_manifest

ROWS = [
    ("train", "happy", "a smile"),
    ("train", "sad", "another smile"),
    ("train", "sad", "tears"),
    ("validation", "surprise", "a logo"),
    ("validation", "neutral", "calm"),
    ("train", "sad", "another smile"),
]
SMILE, TEARS, LOGO, CALM, COPY = (
    "train/sad/1.jpg",
    "train/sad/2.jpg",
    "validation/surprise/3.jpg",
    "validation/neutral/4.jpg",
    "train/sad/5.jpg",
)


@pytest.fixture
def manifest():
    return make_manifest(ROWS)


def audit_of(*suspects):
    found = tuple(
        Suspect(image_id=image_id, label=image_id.split("/")[1], suggested_label=suggested, suspicion=suspicion)
        for image_id, suggested, suspicion in suspects
    )
    counts = {"images_per_class": (1, 1, 3, 1), "suspected_per_class": (0, 0, 1, 1)}
    return LabelAudit(images=6, agreement=0.7, noise=(), suspects=found, **counts)


def correct(manifest, **labels):
    pixels = manifest.set_index("path")["pixel_sha256"]
    return {name: Correction(new_label=label, pixel_sha256=pixels[name]) for name, label in labels.items()}


def write_rows(path, rows, columns=CSV_COLUMNS):
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def row(image_id, new_label, content="x"):
    digest = hashlib.sha256(content.encode()).hexdigest()
    return (image_id, "train", "sad", "happy", 0.9, "", new_label, digest)


def test_a_filled_in_csv_comes_back_as_corrections(tmp_path, manifest):
    path = tmp_path / "suspects.csv"
    write_audit_csv(audit_of((SMILE, "happy", 0.98), (LOGO, "neutral", 0.91)), manifest, empty_answers(), path)
    assert read_relabel(path) == {}
    table = pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False)
    assert tuple(table.columns) == CSV_COLUMNS
    assert table[["image_id", "split", "label", "suspicion"]].values.tolist() == [
        [SMILE, "train", "sad", 0.98],
        [LOGO, "validation", "surprise", 0.91],
    ]
    table.loc[table["image_id"] == LOGO, "new_label"] = "remove"
    table.to_csv(path, index=False)
    logo_pixels = manifest.set_index("path")["pixel_sha256"][LOGO]
    assert read_relabel(path) == {LOGO: Correction(new_label="remove", pixel_sha256=logo_pixels)}


def test_a_csv_without_suspects_still_has_its_head(tmp_path, manifest):
    path = tmp_path / "suspects.csv"
    write_audit_csv(audit_of(), manifest, empty_answers(), path)
    assert path.read_text(encoding="utf-8-sig").strip() == ",".join(CSV_COLUMNS)
    assert read_relabel(path) == {}


def test_a_suspect_of_another_data_set_is_not_written(tmp_path, manifest):
    with pytest.raises(PipelineError, match=r"test/sad/77\.jpg"):
        stray = audit_of(("test/sad/77.jpg", "happy", 0.9))
        write_audit_csv(stray, manifest, empty_answers(), tmp_path / "suspects.csv")


def test_a_second_round_keeps_the_first(tmp_path, manifest):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    pixels = manifest.set_index("path")["pixel_sha256"]
    rows = [(SMILE, "happy"), (TEARS, "sad"), (LOGO, "remove"), (CALM, "")]
    lines = [(name, "train", "sad", "happy", 0.9, "", label, pixels[name]) for name, label in rows]
    answers = read_answers(write_rows(first, lines))
    corrected = apply_relabel(manifest, read_relabel(first)).manifest
    suspects = audit_of((TEARS, "happy", 0.9), (CALM, "sad", 0.8), (COPY, "sad", 0.7))
    again = leave_out_answered(suspects, corrected, answers)
    assert [suspect.image_id for suspect in again.suspects] == [CALM], "what a person judged, and its copy, is settled"
    assert again.suspected_per_class == (0, 1, 0, 0)
    write_audit_csv(again, corrected, answers, second)
    table = pd.read_csv(second, encoding="utf-8-sig", keep_default_na=False)
    assert table["image_id"].tolist() == [CALM, SMILE, TEARS, LOGO]
    assert read_relabel(second) == read_relabel(first)
    pd.testing.assert_frame_equal(apply_relabel(manifest, read_relabel(second)).manifest, corrected)


@pytest.mark.parametrize("separator", [",", ";"])
def test_what_spreadsheets_save_is_read(tmp_path, separator):
    path = tmp_path / "relabel.csv"
    table = pd.DataFrame([row(SMILE, " Happy "), row(TEARS, "")], columns=list(CSV_COLUMNS))
    table.assign(comment="looked twice").to_csv(path, index=False, sep=separator, encoding="utf-8-sig")
    assert {name: entry.new_label for name, entry in read_relabel(path).items()} == {SMILE: "happy"}


@pytest.mark.parametrize(("separator", "other"), [(",", ";"), (";", ",")])
def test_a_column_of_a_person_s_own_does_not_decide_the_separator(tmp_path, separator, other):
    path = tmp_path / "relabel.csv"
    table = pd.DataFrame([row(SMILE, "happy")], columns=list(CSV_COLUMNS))
    table.assign(**{f"yes{other}no{other}maybe": "yes"}).to_csv(path, index=False, sep=separator)
    assert {name: entry.new_label for name, entry in read_relabel(path).items()} == {SMILE: "happy"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(SMILE, "angry")], rf"got new_label angry \({SMILE}\); expected"),
        ([row(SMILE, "happy"), row(SMILE, "neutral")], f"more than one new_label for {SMILE}"),
        ([(SMILE, "train", "sad", "happy", 0.9, "", "happy", "")], f"no pixel_sha256 for {SMILE}"),
    ],
)
def test_bad_corrections_are_refused(tmp_path, rows, message):
    with pytest.raises(PipelineError, match=message):
        read_relabel(write_rows(tmp_path / "relabel.csv", rows))


def test_a_csv_with_other_columns_is_refused(tmp_path):
    path = write_rows(tmp_path / "relabel.csv", [(SMILE, "happy")], columns=("image_id", "label"))
    with pytest.raises(PipelineError, match="new_label, pixel_sha256"):
        read_relabel(path)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00image_id", b'a,b\n"1,2\n3'])
def test_what_is_no_csv_is_refused(tmp_path, content):
    path = tmp_path / "relabel.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"relabel\.csv"):
        read_relabel(path)


def test_a_correction_relabels_the_image_and_its_copies(manifest):
    outcome = apply_relabel(manifest, correct(manifest, **{SMILE: "happy", TEARS: "sad"}))
    labels = outcome.manifest.set_index("path")["label"]
    assert labels[SMILE] == labels[COPY] == "happy"
    assert labels[TEARS] == "sad"
    assert labels[CALM] == "neutral"
    assert outcome.counts.model_dump() == {
        "corrections": 2,
        "relabelled": 2,
        "removed": 0,
        "confirmed": 1,
        "copies": 1,
        "votes_replaced": 0,
    }
    assert outcome.quarantine.empty
    unchanged = [name for name in manifest.columns if name != "label"]
    pd.testing.assert_frame_equal(outcome.manifest[unchanged], manifest[unchanged])


@pytest.mark.parametrize("new_label", ["happy", "neutral", "sad"])
def test_every_other_class_is_a_change(manifest, new_label):
    outcome = apply_relabel(manifest, correct(manifest, **{CALM: new_label}))
    assert outcome.manifest.set_index("path")["label"][CALM] == new_label
    changed = new_label != "neutral"
    assert (outcome.counts.relabelled, outcome.counts.confirmed) == (int(changed), int(not changed))


def test_a_removed_image_is_quarantined_as_cleaning_does_it(manifest):
    outcome = apply_relabel(manifest, correct(manifest, **{LOGO: "remove"}))
    assert outcome.quarantine.values.tolist() == [[LOGO, "validation", "surprise", "relabel_removed"]]
    assert len(outcome.manifest) == len(manifest) - 1 and LOGO not in set(outcome.manifest["path"])
    assert outcome.counts.removed == 1
    _, quarantine = clean_manifest(manifest, CleaningPolicy())
    assert list(outcome.quarantine.columns) == list(quarantine.columns)
    assert outcome.quarantine.dtypes.tolist() == quarantine.dtypes.tolist()


def test_a_correction_settles_a_conflict_instead_of_making_one():
    conflicting = make_manifest([("train", "happy", "one face"), ("train", "sad", "one face"), ("train", "sad", "b")])
    outcome = apply_relabel(conflicting, correct(conflicting, **{"train/sad/1.jpg": "happy"}))
    kept, _ = clean_manifest(outcome.manifest, CleaningPolicy())
    assert len(kept) == 3
    assert outcome.counts.confirmed == outcome.counts.relabelled == 1


def test_no_corrections_change_nothing(manifest):
    outcome = apply_relabel(manifest, {})
    pd.testing.assert_frame_equal(outcome.manifest, manifest)
    assert sum(outcome.counts.model_dump().values()) == 0


def test_an_unknown_image_is_refused(manifest):
    known = correct(manifest, **{SMILE: "happy"})[SMILE]
    with pytest.raises(PipelineError, match=r"does not have: train/sad/99\.jpg"):
        apply_relabel(manifest, {"train/sad/99.jpg": known})


def test_a_correction_of_other_pixels_is_refused(manifest):
    stale = Correction(new_label="happy", pixel_sha256=hashlib.sha256(b"older picture").hexdigest())
    with pytest.raises(PipelineError, match=f"mine.csv: got other pixels than were looked at for {SMILE}"):
        apply_relabel(manifest, {SMILE: stale}, file=Path("mine.csv"))


def test_one_picture_gets_one_class(manifest):
    with pytest.raises(PipelineError, match="one class for one picture"):
        apply_relabel(manifest, correct(manifest, **{SMILE: "happy", COPY: "neutral"}))


@pytest.mark.parametrize(("images", "more"), [(1, ""), (5, ""), (6, " and 1 more"), (8, " and 3 more")])
def test_the_first_five_wrong_classes_are_named_and_the_others_counted(tmp_path, images, more):
    path = write_rows(tmp_path / "relabel.csv", [row(f"train/sad/{n}.jpg", f"odd{n}") for n in range(images)])
    with pytest.raises(PipelineError) as refusal:
        read_relabel(path)
    named = ", ".join(f"odd{n} (train/sad/{n}.jpg)" for n in range(min(images, 5)))
    assert str(refusal.value) == (
        f"{path}: got new_label {named}{more}; expected happy, neutral, sad, surprise, remove or nothing: correct "
        "these rows"
    )


def test_a_wrong_class_is_named_once_with_its_first_three_images(tmp_path):
    rows = [row(f"train/sad/{n}.jpg", "happi") for n in range(5)] + [row(SMILE, "sadd")]
    with pytest.raises(PipelineError) as refusal:
        read_relabel(write_rows(tmp_path / "relabel.csv", rows))
    said = (
        f"got new_label happi (train/sad/0.jpg, train/sad/1.jpg, train/sad/2.jpg and 2 more), sadd ({SMILE}); expected"
    )
    assert said in str(refusal.value)


def test_an_image_listed_three_times_is_named_for_each_row_too_many(tmp_path):
    rows = [row(SMILE, "happy"), row(SMILE, "happy"), row(SMILE, "sad"), row(TEARS, "sad"), row(TEARS, "")]
    with pytest.raises(PipelineError) as refusal:
        read_answers(write_rows(tmp_path / "relabel.csv", rows))
    assert str(refusal.value) == (
        f"{tmp_path / 'relabel.csv'}: got more than one new_label for {SMILE}, {SMILE}; expected one an image: keep "
        "one row of each"
    )


@pytest.mark.parametrize("digest", ["0" * 63, "0" * 65, "A" * 64, "g" * 64])
def test_only_a_whole_digest_ties_a_correction_to_its_pixels(tmp_path, digest):
    rows = [(SMILE, "train", "sad", "happy", 0.9, "", "happy", digest)]
    with pytest.raises(PipelineError, match=f"got no pixel_sha256 for {SMILE}; expected that of suspects.csv"):
        read_answers(write_rows(tmp_path / "relabel.csv", rows))


def test_the_three_columns_that_are_needed_are_enough(tmp_path):
    path = tmp_path / "relabel.csv"
    path.write_text(f"pixel_sha256,image_id,new_label\n{'0' * 64},{SMILE},HAPPY\n,{TEARS}\n")
    answers = read_answers(path)
    assert tuple(answers.columns) == CSV_COLUMNS
    assert answers.to_dict("records") == [
        {**dict.fromkeys(CSV_COLUMNS, ""), "image_id": SMILE, "new_label": "happy", "pixel_sha256": "0" * 64}
    ]


def test_a_header_with_as_many_semicolons_as_commas_is_separated_by_commas(tmp_path):
    path = tmp_path / "relabel.csv"
    path.write_text(f"image_id,new_label,pixel_sha256,a;b;c;d\n{SMILE},happy,{'0' * 64},x\n")
    assert read_relabel(path) == {SMILE: Correction(new_label="happy", pixel_sha256="0" * 64)}


def test_texts_that_tables_take_for_no_value_stay_texts(tmp_path):
    path = write_rows(tmp_path / "relabel.csv", [("NA", "null", "nan", "None", 0.9, "", "happy", "0" * 64)])
    answers = read_answers(path).iloc[0]
    assert answers[["image_id", "split", "label", "suggested_label"]].tolist() == ["NA", "null", "nan", "None"]


def test_missing_columns_are_told_with_those_that_are_there(tmp_path):
    path = write_rows(tmp_path / "relabel.csv", [(SMILE, "happy")], columns=("image_id", "label"))
    with pytest.raises(PipelineError) as refusal:
        read_answers(path)
    assert str(refusal.value) == (
        f"{path}: got the columns ['image_id', 'label'], expected new_label, pixel_sha256 too: fill in new_label in "
        "suspects.csv and leave its other columns as they are"
    )


def test_the_written_csv_byte_for_byte(tmp_path, manifest):
    path = tmp_path / "suspects.csv"
    pixels = manifest.set_index("path")["pixel_sha256"]
    write_audit_csv(audit_of((LOGO, "neutral", 0.98765)), manifest, empty_answers(), path)
    assert path.read_bytes() == (
        b"\xef\xbb\xbfimage_id,split,label,suggested_label,suspicion,candidates,new_label,pixel_sha256\n"
        + f"{LOGO},validation,surprise,neutral,0.9877,,,{pixels[LOGO]}\n".encode()
    )


def test_the_candidates_are_written_with_their_probabilities(tmp_path, manifest):
    path = tmp_path / "suspects.csv"
    candidates = (Candidate(label="neutral", probability=0.617), Candidate(label="surprise", probability=0.3))
    audit = audit_of((LOGO, "neutral", 0.7))
    (suspect,) = audit.suspects
    suspects = (suspect.model_copy(update={"candidates": candidates}),)
    write_audit_csv(audit.model_copy(update={"suspects": suspects}), manifest, empty_answers(), path)
    assert pd.read_csv(path, encoding="utf-8-sig")["candidates"].tolist() == ["neutral 0.62; surprise 0.30"]


def test_the_random_sample_is_written_without_what_the_networks_say_and_can_be_given_back(tmp_path, manifest):
    path = tmp_path / "sample.csv"
    audit = audit_of((LOGO, "neutral", 0.7)).model_copy(update={"sample": (LOGO, SMILE, CALM)})
    write_sample_csv(audit, manifest, path)
    table = pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False)
    assert sorted(table["image_id"]) == sorted([LOGO, SMILE, CALM])
    assert table["pixel_sha256"].is_monotonic_increasing, "an order that says nothing about the label"
    assert table[["suggested_label", "suspicion", "candidates", "new_label"]].eq("").all(axis=None)
    table.assign(new_label=table["label"]).to_csv(path, index=False)
    assert {name: answer.new_label for name, answer in read_relabel(path).items()} == {
        LOGO: "surprise",
        SMILE: "sad",
        CALM: "neutral",
    }


def test_a_later_answer_for_the_same_pixels_replaces_the_earlier_one(tmp_path):
    earlier = read_answers(write_rows(tmp_path / "a.csv", [row(SMILE, "sad"), row(TEARS, "sad", "y")]))
    later = read_answers(write_rows(tmp_path / "b.csv", [row(COPY, "happy")]))
    joined = join_answers(earlier, later)
    assert joined[["image_id", "new_label"]].values.tolist() == [[TEARS, "sad"], [COPY, "happy"]]


def test_suspects_are_counted_again_when_answered_ones_are_left_out(manifest):
    pixels = manifest.set_index("path")["pixel_sha256"]
    audit = audit_of((SMILE, "happy", 0.9), (TEARS, "happy", 0.8), (LOGO, "sad", 0.7), (CALM, "sad", 0.6))
    everything = leave_out_answered(audit, manifest, empty_answers())
    assert everything.suspects == audit.suspects and everything.suspected_per_class == (0, 1, 2, 1)
    answers = pd.DataFrame({"pixel_sha256": [pixels[COPY]]})
    assert leave_out_answered(audit, manifest, answers).suspected_per_class == (0, 1, 1, 1)


def test_removed_images_count_with_their_copies(manifest):
    outcome = apply_relabel(manifest, correct(manifest, **{SMILE: "remove", CALM: "neutral", LOGO: "happy"}))
    assert outcome.counts.model_dump() == {
        "corrections": 3,
        "relabelled": 1,
        "removed": 2,
        "confirmed": 1,
        "copies": 1,
        "votes_replaced": 0,
    }
    assert outcome.quarantine["path"].tolist() == [SMILE, COPY]
    assert outcome.manifest.index.tolist() == [0, 1, 2, 3] and outcome.quarantine.index.tolist() == [0, 1]


def test_a_correction_and_its_copy_that_say_the_same_are_one_class(manifest):
    counts = apply_relabel(manifest, correct(manifest, **{SMILE: "happy", COPY: "happy"})).counts
    assert (counts.corrections, counts.relabelled, counts.copies) == (2, 2, 0)


def test_contradictory_corrections_are_told_with_both_classes(manifest):
    with pytest.raises(PipelineError) as refusal:
        apply_relabel(manifest, correct(manifest, **{SMILE: "happy", COPY: "neutral"}))
    assert str(refusal.value) == (
        f"relabel.csv: got neutral for {COPY} and happy for an image with the same pixels, expected one class for one "
        "picture: decide for one"
    )


def test_answers_and_outcomes_cannot_be_changed(manifest):
    with pytest.raises(ValidationError, match="frozen"):
        Correction(new_label="sad", pixel_sha256="").new_label = "happy"
    with pytest.raises(FrozenInstanceError):
        apply_relabel(manifest, {}).counts = None  # type: ignore[misc]
