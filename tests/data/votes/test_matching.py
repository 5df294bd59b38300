"""Votes find their images: by path, by pixels, and by the order of FER+'s rows."""

import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.votes.matching import add_votes
from data.votes.reading import read_votes_file
from tests.support.image_tree import make_manifest

LABELS = ("happy", "neutral", "sad", "surprise")
COLUMNS = "happy,neutral,sad,surprise,unknown,no_face"
ROWS = [("train", "happy", "a"), ("train", "sad", "b"), ("validation", "sad", "a"), ("test", "neutral", "c")]
# The paths are train/happy/0.jpg, train/sad/1.jpg, validation/sad/2.jpg, which shows what the first does, and
# test/neutral/3.jpg.


def add(tmp_path, rows, manifest=None, header=f"image,{COLUMNS}"):
    path = tmp_path / "votes.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return add_votes(make_manifest(ROWS) if manifest is None else manifest, read_votes_file(path, LABELS), LABELS)


def test_copies_get_the_votes_of_the_image_that_was_voted_on(tmp_path):
    manifest, match = add(tmp_path, ["train/happy/0.jpg,9,1,0,0,0,0", "train/sad/1.jpg,0,5,4,0,1,0"])
    votes = manifest["votes"].tolist()
    assert votes[0] == votes[2] == [9, 1, 0, 0, 0, 0, 0] and votes[1] == [0, 5, 4, 0, 0, 1, 0] and votes[3] is None
    assert (match.matched_by, match.rows, match.matched_images, match.copies) == ("path", 2, 3, 1)
    assert (match.unmatched_rows, match.images_without) == (0, 1)


def test_rows_about_copies_are_averaged(tmp_path):
    manifest, match = add(tmp_path, ["train/happy/0.jpg,10,0,0,0,0,0", "validation/sad/2.jpg,5,0,5,0,0,0"])
    assert manifest["votes"].tolist()[0] == manifest["votes"].tolist()[2] == [7.5, 0, 2.5, 0, 0, 0, 0]
    assert match.copies == 0


@pytest.mark.parametrize(
    "path",
    [
        "val/sadness/2.jpg",
        "sad/2.jpg",
        "2.jpg",
        "/data/faces/val/sad/2.jpg",
        "sad/valid/2.jpg",
        "faces\\val\\sad\\2.jpg",
    ],
)
def test_a_path_may_be_shorter_longer_or_have_other_names(tmp_path, path):
    manifest, _ = add(tmp_path, [f"{path},1,0,9,0,0,0"])
    assert manifest["votes"].tolist()[2] == [1, 0, 9, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "path", ["val/happy/2.jpg", "train/sad/2.jpg", "val/sad/3.jpg", "other/2.jpg", "val/sad/2.png"]
)
def test_a_path_of_another_image_is_not_matched(tmp_path, path):
    _, match = add(tmp_path, ["train/happy/0.jpg,9,1,0,0,0,0", f"{path},1,0,9,0,0,0"])
    assert (match.unmatched_rows, match.unmatched_examples) == (1, (path,))


def test_a_row_without_votes_is_an_image_without_votes(tmp_path):
    manifest, match = add(tmp_path, ["train/happy/0.jpg,0,0,0,0,0,0", "train/sad/1.jpg,0,5,4,0,1,0"])
    assert manifest["votes"].isna().tolist() == [True, False, True, True]
    assert (match.rows, match.empty_rows, match.images_without) == (1, 1, 3)


def test_pixels_match_whatever_the_paths_are(tmp_path):
    digests = make_manifest(ROWS)["pixel_sha256"]
    rows = [f"{digests[0]},9,1,0,0,0,0", f"{'0' * 64},1,1,1,1,1,1"]
    manifest, match = add(tmp_path, rows, header=f"pixel_sha256,{COLUMNS}")
    assert manifest["votes"].notna().tolist() == [True, False, True, False]
    assert (match.matched_by, match.unmatched_rows) == ("pixels", 1)


def test_damaged_images_are_no_copies_of_each_other(tmp_path):
    manifest = make_manifest(ROWS).assign(pixel_sha256="", decodable=False)
    voted, _ = add(tmp_path, ["train/happy/0.jpg,9,1,0,0,0,0"], manifest)
    assert voted["votes"].notna().tolist() == [True, False, False, False]


def test_the_manifest_is_read_back_with_its_votes(tmp_path):
    manifest, _ = add(tmp_path, ["train/happy/0.jpg,9,1,0,0,0,0"])
    manifest.to_parquet(tmp_path / "manifest.parquet", index=False)
    votes = pd.read_parquet(tmp_path / "manifest.parquet")["votes"]
    assert votes.notna().tolist() == [True, False, True, False] and list(votes[0]) == [9, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["elsewhere/9.jpg,1,0,0,0,0,0"], r"no row is about an image of the data set; it has elsewhere/9\.jpg"),
        (["train/happy/0.jpg,0,0,0,0,0,0"], "no row is about an image of the data set"),
        (["train/happy/0.jpg,1,0,0,0,0,0", "happy/0.jpg,1,0,0,0,0,0"], r"are both about train/happy/0\.jpg"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, rows, message):
    with pytest.raises(PipelineError, match=message):
        add(tmp_path, rows)


def test_a_path_of_several_images_is_refused(tmp_path):
    manifest = make_manifest(ROWS).assign(path=[f"{split}/{label}/0.jpg" for split, label, _ in ROWS])
    with pytest.raises(PipelineError, match=r"0\.jpg is about 4 images of the data set"):
        add(tmp_path, ["0.jpg,1,0,0,0,0,0"], manifest)


FER_PLUS = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def table_of_images():
    """Return the manifest of a fer2013.csv of three rows, of which the order of the paths is another."""
    manifest = make_manifest([("train", "happy", "a"), ("train", "angry", "b"), ("validation", "sad", "c")])
    return manifest.assign(path=["train/happy/00000003.png", "train/angry/00000001.png", "validation/sad/00000002.png"])


def test_rows_of_fer_plus_are_those_of_the_table_of_images(tmp_path):
    rows = [
        "Training,fer0000000.png,1,0,0,0,9,0,0,0,0,0",
        "PublicTest,fer0000001.png,2,0,0,8,0,0,0,0,0,0",
        "Training,,0,3,0,0,0,0,0,0,0,7",
    ]
    manifest, match = add(tmp_path, rows, table_of_images(), FER_PLUS)
    assert match.matched_by == "row"
    assert [row[:3] for row in manifest["votes"]] == [[3, 0, 0], [0, 1, 0], [0, 2, 8]]
    assert [row[-1] for row in manifest["votes"]] == [7, 0, 0]


def test_rows_of_fer_plus_in_another_order_are_refused(tmp_path):
    rows = [
        "Training,fer0000000.png,1,0,0,0,9,0,0,0,0,0",
        "Training,fer0000001.png,2,0,0,8,0,0,0,0,0,0",
        "PublicTest,fer0000002.png,0,3,0,0,0,0,0,0,0,7",
    ]
    with pytest.raises(PipelineError, match="row 3 is of PublicTest, the same row of the images of train, and 1 more"):
        add(tmp_path, rows, table_of_images(), FER_PLUS)
    with pytest.raises(PipelineError, match="has 2 rows, the table of images at least 3"):
        add(tmp_path, rows[:2], table_of_images(), FER_PLUS)


def name_rows(rows):
    """Return a manifest of images that are these rows of a table, the first two of train."""
    kept = [("train" if row <= 2 else "validation", "happy", str(row)) for row in rows]
    names = [f"{split}/happy/{row:08d}.png" for (split, _, _), row in zip(kept, rows, strict=True)]
    return make_manifest(kept).assign(path=names)


def test_rows_of_a_table_of_which_some_were_removed_are_refused(tmp_path):
    rows = [f"Training,fer{row:07d}.png,1,{row},0,0,9,0,0,0,0,0" for row in range(4)]
    with pytest.raises(PipelineError, match="has 4 rows of train, the table of images 2; expected as many"):
        add(tmp_path, rows, name_rows([1, 2]), FER_PLUS)


def test_a_table_without_the_last_split_and_images_that_were_removed_are_no_fault(tmp_path):
    usages = ["Training", "Training", "PublicTest", "PublicTest", "PrivateTest"]
    rows = [f"{usage},fer{row:07d}.png,1,{row},0,0,9,0,0,0,0,0" for row, usage in enumerate(usages)]
    _, match = add(tmp_path, rows, name_rows([1, 2, 3, 4]), FER_PLUS)
    assert (match.matched_images, match.unmatched_rows) == (4, 1)
    voted, _ = add(tmp_path, rows, name_rows([2, 4]), FER_PLUS)
    assert [row[0] for row in voted["votes"]] == [1, 3]


def test_images_of_fer_plus_own_names_are_found_by_name(tmp_path):
    manifest = make_manifest([("train", "happy", "a"), ("train", "sad", "b")])
    manifest = manifest.assign(path=["train/happy/fer0000032.png", "train/sad/fer0000000.png"])
    row = "Training,fer0000032.png,0,10,0,0,0,0,0,0,0,0"
    voted, match = add(tmp_path, [row, "Training,,0,0,0,0,0,0,0,0,0,10"], manifest, FER_PLUS)
    assert match.matched_by == "path" and match.unmatched_rows == 1
    assert voted["votes"].tolist()[0][0] == 10 and voted["votes"].tolist()[1] is None
