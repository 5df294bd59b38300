"""`emotion predict` as a user runs it: its outputs, its exit status, and what it says if there is no network."""

import csv
import io
import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from flows.cli.commands import app
from models.export import find
from serving.answers import PhotoAnswer
from tests.support.tiny_export import draw_crop, draw_photo, make_export


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    draw_photo([(20, 60), (300, 80)]).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    Image.fromarray(draw_crop()).save(folder / "c.png")
    draw_photo([]).save(folder / "[bold].png")
    return folder


@pytest.fixture
def emotion(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(folder)
    export = make_export(tmp_path / "91be04c7aa35de10")

    def run(*arguments, export=export):
        chosen = ["--export", str(export)] if export else []
        outcome = CliRunner().invoke(app, ["predict", *arguments, *chosen])
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome

    return run


def test_the_table_has_a_row_for_each_face_and_the_summary_counts_them(emotion):
    outcome = emotion("a.png", "b.png", "c.png", "[bold].png")
    lines = [line.rstrip() for line in outcome.stdout.splitlines()]
    assert lines[0].split() == ["photo", "face", "expression", "certainty", "is", "a", "face", "note"]
    assert lines[1].startswith("a.png") and "1/2" in lines[1] and "2/2" in lines[2]
    assert lines[3].startswith("not read b.png")
    assert "given" in lines[4] and lines[5].startswith("[bold].png") and lines[5].endswith("no face")
    assert lines[6].startswith("4 photos, 3 faces: ") and lines[6].endswith("; 1 photo without a face; 1 not read")
    assert "80.0 % of 400 validation images (95 % interval: 75.0 to 85.0)" in lines[7]


@pytest.mark.parametrize(
    ("given", "status"),
    [(["a.png", "[bold].png"], 0), (["a.png", "b.png"], 3), (["b.png", "missing.png"], 1)],
)
def test_the_exit_status_says_whether_photos_were_read(emotion, given, status):
    assert emotion(*given).exit_code == status


def test_json_prints_a_record_a_line_and_nothing_else(emotion):
    outcome = emotion("a.png", "b.png", "--json")
    answers = [PhotoAnswer.model_validate_json(line) for line in outcome.stdout.splitlines()]
    assert [(answer.source, answer.outcome, len(answer.faces)) for answer in answers] == [
        ("a.png", "faces", 2),
        ("b.png", "unreadable", 0),
    ]
    assert "2 photos" in outcome.stderr


def test_the_csv_has_the_same_figures_whether_printed_or_written(emotion, tmp_path):
    printed = emotion("a.png", "b.png", "--csv", "-").stdout
    emotion("a.png", "b.png", "--csv", str(tmp_path / "faces.csv"))
    assert (tmp_path / "faces.csv").read_text() == printed
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [(row["source"], row["outcome"], row["face"]) for row in rows] == [
        ("a.png", "faces", "1"),
        ("a.png", "faces", "2"),
        ("b.png", "unreadable", ""),
    ]
    shares = [float(rows[0][f"p_{label}"]) for label in SEED_FORMAT.labels]
    assert sum(shares) == pytest.approx(1) and float(rows[0]["certainty"]) == max(shares)
    assert rows[0]["uncertain"] == str(max(shares) < 0.5)
    assert rows[2]["p_happy"] == "" and "damaged" in rows[2]["message"]


def test_a_csv_in_a_file_leaves_the_table_which_names_what_was_not_read(emotion, tmp_path):
    table = emotion("a.png", "b.png").stdout
    outcome = emotion("a.png", "b.png", "--csv", str(tmp_path / "faces.csv"))
    assert "not read b.png" in table and outcome.stdout.startswith(table)
    assert "not read b.png" not in emotion("a.png", "b.png", "--csv", "-").stdout


def test_an_interrupted_csv_leaves_the_older_file(emotion, tmp_path, monkeypatch):
    target = tmp_path / "faces.csv"
    target.write_text("older")
    monkeypatch.setattr("flows.cli.champion.predict_rows.Tally.add", lambda self, answer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        emotion("a.png", "--csv", str(target))
    assert target.read_text() == "older" and sorted(path.name for path in tmp_path.glob(".*")) == []


def test_pictures_have_the_names_of_their_photos_in_order(emotion, tmp_path):
    outcome = emotion("a.png", "b.png", "c.png", "a.png", "--out", str(tmp_path / "out"))
    names = [path.name for path in sorted((tmp_path / "out").iterdir())]
    assert names == ["00001-a.jpg", "00003-c.jpg", "00004-a.jpg"]
    assert Image.open(tmp_path / "out" / names[0]).size == (640, 410)
    assert f"Written: {tmp_path / 'out'}" in outcome.stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faces", "some"], "expected one of auto, find, given"),
        (["--json", "--csv", "-"], "which both print"),
        (["--csv", "no/such/folder/faces.csv"], "cannot be written"),
        (["--out", "."], "not empty"),
        (["--out", "a.png"], "expected a folder"),
    ],
)
def test_choices_that_cannot_be_followed_are_named_before_the_first_photo(emotion, arguments, said):
    with pytest.raises(PipelineError, match=said):
        emotion("a.png", *arguments)


def test_without_a_champion_the_next_command_is_named(emotion):
    with pytest.raises(PipelineError, match="make run or emotion run"):
        emotion("a.png", export=None)
    with pytest.raises(PipelineError, match="version '7x'"):
        emotion("a.png", "--model", "7x", export=None)


def test_a_version_without_an_export_gets_one_before_the_first_photo(emotion, tmp_path, monkeypatch):
    made = []

    def export_version(version, workspace, children, model):
        made.append((version, model))

    monkeypatch.setattr("tasks.publish.export.export_version", export_version)
    directory = tmp_path / "91be04c7aa35de10"
    monkeypatch.setattr(find, "champion_export", lambda root, model, version: (3, directory if made else None))
    outcome = emotion("c.png", "--json", "--model", "emotion-rafdb", export=None)
    assert made == [(3, "emotion-rafdb")]
    assert json.loads(outcome.stdout)["version"] == "emotion-rafdb/3"
    assert "Version 3 of emotion-rafdb has no export yet" in outcome.stderr


def test_the_answers_name_the_version_of_the_model(emotion, tmp_path, monkeypatch):
    export = tmp_path / "91be04c7aa35de10"
    monkeypatch.setattr(find, "champion_export", lambda root, model, version: (version or 3, export))
    assert "emotion/3 (tiny) is right" in emotion("c.png", export=None).stdout
    for chosen, version in {"2": "emotion/2", "emotion-rafdb": "emotion-rafdb/3", "emotion-7/2": "emotion-7/2"}.items():
        answer = emotion("c.png", "--json", "--model", chosen, export=None).stdout
        assert json.loads(answer)["version"] == version


def test_answers_are_json_that_other_programs_read(emotion):
    faces = json.loads(emotion("c.png", "--json").stdout)["faces"]
    assert faces[0]["face"] is None and len(faces[0]["probabilities"]) == 4
