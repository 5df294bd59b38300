"""The review page's server: what is asked, what is written down, what is refused, and that people are blind."""

import io
import json
import shutil
import uuid

import numpy as np
import pytest
from PIL import Image

from data.review.answer_log import AnswerLog
from data.review.feedback import FeedbackStore
from data.review.reviewers import open_log, reviews_folder
from serving.review import desk
from tests.support.image_tree import make_pixels
from tests.support.review_factory import make_audited_workspace, make_line, picture_name, read_lines
from tests.support.reviewed import reviewed

TOKEN = "a-token-of-some-length"
VOTES = {"train/happy/0.jpg": [4, 3, 3, 0, 0, 0, 0]}


@pytest.fixture
def root(tmp_path):
    return make_audited_workspace(tmp_path / "workspace", images_per_class={"train": 12}, suspects=14, votes=VOTES)


@pytest.fixture
def client(root):
    with reviewed(root) as found:
        yield found


def open_pictures(client, reviewer="anna", count=50):
    return client.get("/queue", params={"reviewer": reviewer, "count": count}).json()["pictures"]


def answer(client, picture, choice="sad", reviewer="anna", **changes):
    body = {"reviewer": reviewer, "id": uuid.uuid4().hex, "kind": "answer", "picture": picture, "choice": choice}
    return client.post("/answer", json={**body, **changes})


def test_an_answer_is_on_the_disk_when_it_is_confirmed(client, root):
    first, second, *_ = open_pictures(client)
    confirmed = answer(client, first, seconds=1.5, informed=True)
    assert confirmed.status_code == 200
    assert confirmed.json() == {"answered": 1, "skipped": 0, "total": 14, "per_hour": None}
    (line,) = read_lines(reviews_folder(root) / "anna.jsonl")
    assert (line["pixel_sha256"], line["votes"], line["seconds"], line["informed"]) == (first, {"sad": 1.0}, 1.5, True)
    assert line["image_id"].startswith("train/")
    assert open_pictures(client)[0] == second


def test_the_same_request_again_changes_nothing(client, root):
    first = open_pictures(client)[0]
    for _ in range(3):
        assert answer(client, first, id="0" * 32).json()["answered"] == 1
    assert len(read_lines(reviews_folder(root) / "anna.jsonl")) == 1


def test_an_undo_brings_the_picture_back(client, root):
    first = open_pictures(client)[0]
    answer(client, first, id="1" * 32)
    undone = client.post("/undo", json={"reviewer": "anna", "id": "2" * 32, "undoes": "1" * 32})
    assert undone.json()["answered"] == 0
    page = client.get("/queue", params={"reviewer": "anna"}).json()
    assert page["pictures"][0] == first
    assert page["recent"] == []
    assert [line["kind"] for line in read_lines(reviews_folder(root) / "anna.jsonl")] == ["answer", "undo"]


def test_a_skipped_picture_comes_at_the_end_and_can_be_taken_back(client):
    first = open_pictures(client)[0]
    answer(client, first, "", kind="skip")
    page = client.get("/queue", params={"reviewer": "anna", "count": 50}).json()
    assert page["pictures"][-1] == first
    assert (page["progress"]["answered"], page["progress"]["skipped"]) == (0, 1)
    assert page["recent"][0]["choice"] == ""


def test_people_are_blind_to_each_other(client):
    pictures = open_pictures(client)
    for number, picture in enumerate(pictures[:12]):
        answer(client, picture, "sad" if number % 2 else "happy", "anna")
    seen = [client.get("/queue", params={"reviewer": "ben"}).text, client.get(f"/information/{pictures[0]}").text]
    assert open_pictures(client, "ben") == pictures
    assert not any("anna" in text for text in seen)


def test_the_agreement_of_two_people_is_shown(client):
    pictures = open_pictures(client)
    for number, picture in enumerate(pictures[:12]):
        answer(client, picture, "sad" if number % 2 else "happy", "anna")
        answer(client, picture, "sad" if number % 2 and number > 1 else "happy", "ben")
    (found,) = client.get("/queue", params={"reviewer": "cleo"}).json()["agreement"]
    assert (found["one"], found["other"], found["shared"], found["agreed"]) == ("anna", "ben", 12, 11)
    assert found["kappa"] == pytest.approx(1 - (1 / 12) / 0.5, abs=1e-9)


def test_what_is_known_is_told_where_it_is_asked_for(client, root):
    first = open_pictures(client)[0]
    assert "happy" not in client.get("/queue", params={"reviewer": "anna"}).text
    found = client.get(f"/information/{first}").json()
    assert (found["image_id"], found["label"], found["reason"]) == ("train/happy/0.jpg", "happy", "suspect")
    assert found["probabilities"] == {"happy": 0.1, "neutral": 0.7, "sad": 0.1, "surprise": 0.1}
    assert found["votes"] == {"happy": 4, "neutral": 3, "sad": 3}
    assert len(found["similar"]) == 8
    assert first not in [one["picture"] for one in found["similar"]]
    shown = client.get(f"/image/{found['similar'][0]['picture']}")
    assert Image.open(io.BytesIO(shown.content)).size == (48, 48)


def test_feedback_and_a_newer_audit_join_while_the_server_runs(client, root, monkeypatch):
    monkeypatch.setattr(desk, "LOOK_SECONDS", 0)
    assert client.get("/start").json()["suspects"] == 14
    face = make_pixels(np.random.default_rng(77))[..., None]
    FeedbackStore(root).add(face, "sad", "happy", "emotion/3", {"happy": 0.99, "sad": 0.001})
    start = client.get("/start").json()
    assert (start["total"], start["feedback"]) == (15, 1)
    first = open_pictures(client)[0]
    assert client.get(f"/information/{first}").json()["suggested"] == "happy"
    assert (np.asarray(Image.open(io.BytesIO(client.get(f"/image/{first}").content))) == face[..., 0]).all()
    answer(client, open_pictures(client)[1])
    make_audited_workspace(root, images_per_class={"train": 12}, suspects=3, votes=VOTES, round_number=2)
    assert client.get("/start").json()["suspects"] == 3
    assert len(open_pictures(client)) == 3


def test_what_another_process_adds_counts(client, root):
    first, second, *_ = open_pictures(client)
    open_log(root, "anna").add(make_line(first, "happy"))
    assert open_pictures(client)[0] == second


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"choice": "chair"}, 422),
        ({"choice": ""}, 422),
        ({"picture": picture_name(5)}, 404),
        ({"picture": "../../etc/passwd"}, 422),
        ({"reviewer": "../anna"}, 422),
        ({"id": "short"}, 422),
        ({"seconds": -1}, 422),
        ({"more": 1}, 422),
    ],
)
def test_an_answer_that_means_nothing_is_refused_and_not_written(client, root, changes, status):
    refused = answer(client, **{"picture": open_pictures(client)[0], **changes})
    assert refused.status_code == status
    assert "expected" in refused.json()["detail"] or "got" in refused.json()["detail"]
    assert not reviews_folder(root).exists()


def test_bodies_are_small(client):
    assert client.post("/answer", content=b"{" + b" " * 20_000).status_code == 413
    assert client.post("/answer", content=b"[]").status_code == 422
    assert client.get("/queue", params={"reviewer": "a b"}).status_code == 422


@pytest.mark.parametrize(
    "path", ["/image/x", f"/image/{picture_name(1)}", "/image/..%2F..%2Femotion_workspace.json", "/information/x"]
)
def test_only_pictures_of_the_data_set_are_shown(client, path):
    assert client.get(path).status_code == 404


def test_a_full_disk_is_said_and_nothing_counts(client, root, monkeypatch):
    first = open_pictures(client)[0]

    def no_room(self, *lines):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AnswerLog, "add", no_room)
    refused = answer(client, first)
    assert (refused.status_code, "not saved" in refused.json()["detail"]) == (507, True)
    monkeypatch.undo()
    assert open_pictures(client)[0] == first


def test_a_workspace_without_an_audit_says_how_to_make_one(tmp_path):
    with reviewed(tmp_path / "new") as client:
        start = client.get("/start").json()
        assert start["total"] == 0
        assert "emotion audit" in start["message"]
        assert client.get("/queue", params={"reviewer": "anna"}).json()["pictures"] == []
    assert not (tmp_path / "new").exists()


def test_a_workspace_that_was_pulled_without_images_says_how_to_get_them(root):
    for folder in ("images", "datasets"):
        shutil.rmtree(root / folder)
    with reviewed(root) as client:
        message = client.get("/start").json()["message"]
    assert "emotion store pull --all" in message and "no label audit" not in message


def test_a_damaged_audit_is_named(root):
    (audit,) = (root / "audits").glob("*/audit.json")
    audit.write_text("{}")
    with reviewed(root) as client:
        refused = client.get("/start")
        assert (refused.status_code, "emotion audit --force" in refused.json()["detail"]) == (503, True)


def test_the_page_allows_its_own_script_and_nothing_else(client):
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'sha256-" in policy
    assert "default-src 'none'" in policy and "img-src 'self' data:" in policy and "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_with_a_secret_nothing_but_health_answers_without_it(root):
    with reviewed(root, [TOKEN]) as client:
        paths = ["/", "/start", "/queue?reviewer=anna", f"/image/{picture_name(1)}", f"/information/{picture_name(1)}"]
        assert {client.get(path).status_code for path in paths} == {401}
        assert client.post("/answer", json={}).status_code == client.post("/undo", json={}).status_code == 401
        assert client.get("/health").json() == {"ready": True}
        assert client.get("/start", auth=("anna", TOKEN)).status_code == 200


def test_a_foreign_page_and_a_foreign_name_get_nothing(client, root):
    first = open_pictures(client)[0]
    body = json.dumps({"reviewer": "anna", "id": "3" * 32, "kind": "answer", "picture": first, "choice": "sad"})
    foreign = client.post("/answer", content=body, headers={"Origin": "http://foreign.example"})
    assert foreign.status_code == 403
    assert client.get("/start", headers={"Host": "foreign.example"}).status_code == 400
    assert not reviews_folder(root).exists()
