"""Scores of a source: what is new is scored once, a bad file is one row, and a kill at any moment changes nothing."""

import json
import os
import random

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.errors import PipelineError
from data.records.scores import ScoresAwaited
from serving.score import run
from serving.score.parts import list_parts, read_part
from serving.score.run import LOCK_NAME
from tests.support.score_factory import (
    draw_photos,
    kill_three_times,
    list_scored,
    make_spec,
    read_scores,
    score,
    start_scoring,
)
from tests.support.tiny_export import draw_photo, make_export

LABELS = SEED_FORMAT.labels


@pytest.fixture
def spec(tmp_path, export):
    return make_spec(tmp_path / "workspace", export, draw_photos(tmp_path / "photos", 12))


def assert_equal_scores(one, other):
    """Compare two tables apart from the times; probabilities may differ in the last digits by their batches."""
    pd.testing.assert_frame_equal(
        one.drop(columns="scored_at"), other.drop(columns="scored_at"), check_exact=False, rtol=0, atol=1e-6
    )


def test_each_photo_has_a_row_with_everything_that_is_known(spec, tmp_path, predictor):
    photos = tmp_path / "photos"
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    summary = score(spec)
    rows = read_scores(spec.directory).set_index("file")
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    assert sorted(rows.index) == names and len(rows) == 13
    assert rows.loc["broken.png", "outcome"] == "unreadable" and pd.isna(rows.loc["broken.png", "label"])
    assert "broken.png" in rows.loc["broken.png", "message"]
    good = rows.drop("broken.png")
    assert set(good["outcome"]) == {"given"} and set(good["face"]) == {1}
    assert set(rows["version"]) == {predictor.version}
    probabilities = good[[f"p_{label}" for label in LABELS]].to_numpy()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert list(good["label"]) == [LABELS[best] for best in probabilities.argmax(axis=1)]
    assert list(good["uncertain"]) == list(probabilities.max(axis=1) < 0.5)
    (answer,) = predictor.predict([photos / names[1]])
    assert good.loc[names[1], "certainty"] == pytest.approx(answer.faces[0].certainty, abs=1e-6)
    assert (summary.scored_now, summary.total.photos, summary.total.scored) == (13, 13, 12)
    assert summary.total.outcomes == {"given": 12, "unreadable": 1}


def test_faces_in_photos_have_their_place(tmp_path, export):
    folder = tmp_path / "photos"
    folder.mkdir()
    draw_photo([(20, 60), (300, 80)]).save(folder / "two.png")
    draw_photo([]).save(folder / "none.png")
    spec = make_spec(tmp_path / "workspace", export, folder, faces="find")
    summary = score(spec)
    rows = read_scores(spec.directory)
    assert list(rows["file"]) == ["none.png", "two.png", "two.png"]
    assert list(rows["outcome"]) == ["no_face", "faces", "faces"]
    assert rows["face"].isna()[0] and list(rows["face"][1:]) == [1, 2]
    assert rows["left"][1] < 180 < rows["left"][2] and (rows["face_certainty"][1:] > 0.7).all()
    assert (summary.total.photos, summary.total.faces) == (2, 2)


def test_a_second_run_scores_only_what_is_new_or_changed(spec, tmp_path):
    photos = tmp_path / "photos"
    first = score(spec)
    before = read_scores(spec.directory)
    nothing = score(spec)
    assert nothing.scored_now == 0 and nothing.newest == first.newest and nothing.total == first.total
    assert len(list_parts(spec.directory)) == 1
    pd.testing.assert_frame_equal(read_scores(spec.directory), before)

    draw_photos(photos, 3, start=12)
    changed = photos / "day0" / "00000.png"
    changed.write_bytes((photos / "day1" / "00003.png").read_bytes())
    then = score(spec)
    assert (then.scored_now, then.newest.photos, then.total.photos) == (4, 4, 15)
    after = read_scores(spec.directory)
    new = set(read_part(spec.directory, list_parts(spec.directory)[1])["file"].to_pylist())
    assert new == {"day0/00000.png", "day0/00012.png", "day1/00013.png", "day0/00014.png"}
    same = after.set_index("file").drop(new)
    pd.testing.assert_frame_equal(same, before.set_index("file").loc[same.index])
    of_changed = after.set_index("file").loc[["day0/00000.png", "day1/00003.png"]]
    assert of_changed["certainty"].nunique() == 1, "the changed photo shows the other one's face"


def test_the_same_size_and_another_time_count_as_a_change(spec, tmp_path):
    score(spec)
    path = tmp_path / "photos" / "day0" / "00000.png"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))
    assert score(spec).scored_now == 1


def test_everything_is_scored_again_if_asked_and_the_last_answer_counts(spec, tmp_path):
    score(spec)
    other = make_export(tmp_path / "c5d2e8f01b7a6394")
    again = score(make_spec(spec.workspace, other, spec.source, again=True, request="two"))
    assert again.scored_now == 12 and again.total.photos == 12
    assert set(read_scores(spec.directory)["version"]) == {"c5d2e8f01b7a6394"}
    assert again.versions == {"c5d2e8f01b7a6394": 12}
    repeated = score(make_spec(spec.workspace, other, spec.source, again=True, request="two"))
    assert repeated.scored_now == 0, "a second start of one run continues it"


def test_an_address_or_a_file_that_cannot_be_reached_is_tried_again_without_a_second_row(tmp_path, export):
    photos = draw_photos(tmp_path / "photos", 2)
    listed = tmp_path / "list.csv"
    listed.write_text("name,path\na,photos/day0/00000.png\nb,photos/missing.png\n")
    spec = make_spec(tmp_path / "workspace", export, listed)
    assert score(spec).total.outcomes == {"given": 1, "unavailable": 1}
    assert score(spec).scored_now == 0 and len(list_parts(spec.directory)) == 1
    (photos / "day1" / "00001.png").rename(photos / "missing.png")
    assert score(spec).total.outcomes == {"given": 2}


def test_other_classes_are_refused(spec, tmp_path):
    score(spec)
    other = make_export(tmp_path / "other", DataFormat(labels=("angry", "calm")))
    with pytest.raises(PipelineError, match=r"p_angry, p_calm.*move the folder away"):
        score(make_spec(spec.workspace, other, spec.source))


def test_killed_three_times_is_equal_to_uninterrupted(tmp_path, export):
    photos = draw_photos(tmp_path / "photos", 600)
    whole = make_spec(tmp_path / "whole", export, photos)
    summary = score(whole)
    killed, rng = make_spec(tmp_path / "killed", export, photos), random.Random(7)
    assert kill_three_times(killed, rng, 0.4)
    finished = score(killed)
    assert_equal_scores(read_scores(killed.directory), read_scores(whole.directory))
    assert finished.newest == summary.newest and finished.total == summary.total
    scored = list_scored(killed.directory)
    assert len(scored) == len(set(scored)) == 600, "nothing is scored twice"


@pytest.mark.parametrize("written", [1, 2])
def test_a_part_that_was_not_finished_does_not_count(spec, monkeypatch, written):
    """A kill between the writing of a part and its name, in the first part or a later one."""
    monkeypatch.setattr(run, "PART_PHOTOS", 5)
    real, calls = run.write_part, []

    def killed(directory, *arguments):
        path = real(directory, *arguments)
        calls.append(path)
        if len(calls) == written:
            path.rename(path.with_suffix(".writing"))
            raise KeyboardInterrupt
        return path

    monkeypatch.setattr(run, "write_part", killed)
    with pytest.raises(KeyboardInterrupt):
        score(spec)
    monkeypatch.setattr(run, "write_part", real)
    assert score(spec).scored_now == 12, "all since the last finished run count as new"
    assert len(read_scores(spec.directory)) == 12
    assert not list(spec.directory.glob("parts/*.writing"))


@pytest.mark.parametrize("lost", [0, 2])
def test_a_part_that_is_damaged_is_named_and_its_photos_are_scored_again_without_it(spec, monkeypatch, lost):
    monkeypatch.setattr(run, "PART_PHOTOS", 4)
    whole = score(spec)
    path = spec.directory / "parts" / list_parts(spec.directory)[lost]
    path.write_bytes(b"PAR1 broken")
    with pytest.raises(PipelineError, match=rf"{path.name}.*delete it"):
        score(spec)
    path.unlink()
    assert score(spec).total == whole.total
    assert len(read_scores(spec.directory)) == 12 and len(list_scored(spec.directory)) == 12


def test_a_second_process_waits_and_says_so(spec, monkeypatch):
    monkeypatch.setattr(run, "WAIT_SECONDS", 0.05)
    spec.directory.mkdir(parents=True)
    lock, events = FileLock(spec.directory / LOCK_NAME), []
    lock.acquire()

    def report(event):
        events.append(event)
        if len(events) == 2:
            lock.release()

    assert score(spec, report).scored_now == 12
    assert [type(event) for event in events[:2]] == [ScoresAwaited, ScoresAwaited]


def test_the_command_reports_its_progress_and_ends_with_its_parent(spec):
    process = start_scoring(spec)
    _, errors = process.communicate()  # closes stdin, as a parent that ends
    assert process.returncode in (0, 3), errors
    process = start_scoring(spec)
    lines = [json.loads(line) for line in process.stdout]
    assert process.wait() == 0, process.stderr.read()
    assert {line["event"] for line in lines} == {"photos_scored"}
    assert lines[-1]["done"] + lines[-1]["before"] == 12
    process.communicate()
    assert len(np.unique(read_scores(spec.directory)["file"])) == 12


@pytest.mark.slow
def test_two_thousand_photos_killed_at_random(tmp_path, export):
    photos = draw_photos(tmp_path / "photos", 2000)
    whole = make_spec(tmp_path / "whole", export, photos)
    summary = score(whole)
    for seed in range(3):
        killed, rng = make_spec(tmp_path / f"killed{seed}", export, photos), random.Random(seed)
        assert kill_three_times(killed, rng, 1.0)
        finished = score(killed)
        assert_equal_scores(read_scores(killed.directory), read_scores(whole.directory))
        assert finished.total == summary.total and finished.newest == summary.newest
        scored = list_scored(killed.directory)
        assert len(scored) == len(set(scored)) == 2000
