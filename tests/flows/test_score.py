"""The flow `score` through a real Prefect server: killed at random, only what is new, its artifacts and its page."""

import json
import random
import signal
import subprocess
import time

import pandas as pd
import psutil
import pytest

from data.records.scores import SCORES_CSV, SCORES_TABLE, SUMMARY_NAME
from models.jobs.scoring import SCORE
from tests.support.bundles import VARIANT_KEY
from tests.support.emotion_command import EMOTION, environment, run_emotion
from tests.support.score_factory import draw_photos, list_scored, make_spec, read_scores, score
from tests.support.tiny_export import make_export

PHOTOS = 500


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return make_export(tmp_path_factory.mktemp("exports") / "91be04c7aa35de10")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


def arguments(photos, export):
    return ["score", str(photos), "--faces", "given", "--export", str(export)]


def scoring_child(process):
    """Wait for the child command of a run; None if the run ended before."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children(recursive=True):
            if SCORE in child.cmdline():
                return child
        time.sleep(0.05)
    return None


@pytest.fixture(scope="module")
def scored(server, workspace, photos, export, tmp_path_factory):
    """The directory of scores whose child was killed twice and whose parent was killed once, and what the end said."""
    command, log = [EMOTION, *arguments(photos, export)], tmp_path_factory.mktemp("log") / "killed.log"
    rng = random.Random(3)
    with log.open("w") as output:
        settings = environment(workspace, PREFECT_API_URL=server.url)
        process = subprocess.Popen(command, env=settings, stdout=output, stderr=output, start_new_session=True)
    for _ in range(2):
        child = scoring_child(process)
        assert child, log.read_text()[-3000:]
        time.sleep(rng.uniform(0.2, 1.5))
        child.send_signal(signal.SIGKILL)
        psutil.wait_procs([child], 30)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    outcome = run_emotion(
        workspace, *arguments(photos, export), "--out", str(tmp_path_factory.mktemp("out")), PREFECT_API_URL=server.url
    )
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    (directory,) = (workspace / "scores").iterdir()
    return directory, outcome.stdout


def test_a_run_that_was_killed_three_times_scored_each_photo_once(scored, photos):
    directory, _ = scored
    table = pd.read_parquet(directory / SCORES_TABLE)
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    assert list(table["file"]) == names == list_scored(directory)
    assert list(pd.read_csv(directory / SCORES_CSV)["file"]) == names


def test_the_killed_result_is_the_uninterrupted_one(scored, photos, export, tmp_path):
    spec = make_spec(tmp_path / "whole", export, photos)
    score(spec)
    one, other = read_scores(scored[0]), read_scores(spec.directory)
    pd.testing.assert_frame_equal(one.drop(columns="scored_at"), other.drop(columns="scored_at"), rtol=0, atol=1e-6)


def test_the_command_prints_the_counts_and_the_page_has_them(scored):
    directory, printed = scored
    assert f"{PHOTOS} photos new or changed, {PHOTOS} photos in all." in printed
    assert f"no profile of the data behind training {VARIANT_KEY}" in printed
    page = (directory / "index.html").read_text()
    assert f"{PHOTOS} photos in all" in page and "Article 5(1)(f)" in page and "<img" not in page


def test_the_run_has_its_tables_and_the_copy_is_whole(scored, server):
    newest_first = server.ask("artifacts", sort="CREATED_DESC")
    artifacts = {one["key"]: one for one in reversed(newest_first)}
    rows = {row["what"]: row for row in json.loads(artifacts["scores"]["data"])}
    assert rows["photos"] == {"what": "photos", "newest": f"{PHOTOS}", "all": f"{PHOTOS}"}
    assert sum(int(row["faces"]) for row in json.loads(artifacts["scored-classes"]["data"])) == PHOTOS
    assert artifacts["scoring"]["data"] == 100.0
    assert "not compared" in artifacts["scores-drift"]["data"]


def test_a_second_run_scores_only_what_is_new(scored, server, workspace, photos, export, tmp_path):
    directory, _ = scored
    draw_photos(photos, 2, start=PHOTOS)
    outcome = run_emotion(
        workspace, *arguments(photos, export), "--out", str(tmp_path / "copy"), PREFECT_API_URL=server.url
    )
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    assert f"2 photos new or changed, {PHOTOS + 2} photos in all." in outcome.stdout
    assert len(list_scored(directory)) == PHOTOS + 2
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [
        "index.html",
        SCORES_CSV,
        SCORES_TABLE,
        SUMMARY_NAME,
    ]


@pytest.mark.parametrize(("name", "said"), [("nosuch", "matches no file"), ("empty", "has no photo")])
def test_a_source_without_photos_ends_in_one_message_and_leaves_no_folder(
    scored, server, workspace, export, tmp_path, name, said
):
    (tmp_path / "empty").mkdir()
    before = sorted((workspace / "scores").iterdir())
    outcome = run_emotion(workspace, *arguments(tmp_path / name, export), PREFECT_API_URL=server.url)
    assert outcome.returncode == 1 and said in outcome.stderr
    assert "Traceback" not in outcome.stderr + outcome.stdout
    assert sorted((workspace / "scores").iterdir()) == before


def test_the_progress_of_a_pass_that_finds_nothing_new_is_at_its_end(scored, server, workspace, photos, export):
    outcome = run_emotion(workspace, *arguments(photos, export), PREFECT_API_URL=server.url)
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    assert "\n0 photos new or changed" in f"\n{outcome.stdout}"
    newest = next(one for one in server.ask("artifacts", sort="CREATED_DESC") if one["key"] == "scoring")
    assert newest["data"] == 100.0
