"""Feedback over HTTP: off unless somebody switched it on, and then a face and an answer are stored, and no more."""

import io

import numpy as np
import pytest
from PIL import Image

from data.review.feedback import FeedbackLimits, FeedbackStore, feedback_folder, read_feedback
from tests.support.served import served
from tests.support.shade_predictor import ShadePredictor, picture


@pytest.fixture
def root(tmp_path):
    return tmp_path / "workspace"


@pytest.fixture
def client(root):
    with served(ShadePredictor, feedback=FeedbackStore(root, FeedbackLimits(pictures=2))) as found:
        yield found


def send(client, choice="dark", light=200, **data):
    return client.post(
        "/feedback", files={"file": ("private name.png", picture(light))}, data={"choice": choice, **data}
    )


def test_it_is_off_by_default(root):
    with served(ShadePredictor) as client:
        refused = send(client)
        assert (refused.status_code, "emotion serve --feedback" in refused.json()["detail"]) == (403, True)
        card = client.get("/model").json()
        assert (card["feedback"], card["feedback_notice"]) == ([], "")
        assert "none is stored" in card["privacy"]


def test_the_face_is_stored_as_the_network_saw_it(client, root):
    assert send(client, face="0").json() == {"stored": True}
    (one,) = read_feedback(root)
    assert (one.choice, one.answered, one.version) == ("dark", "light", "shade/1")
    assert one.probabilities["light"] == pytest.approx(200 / 255, abs=1e-5)
    stored = np.asarray(Image.open(feedback_folder(root) / one.file_name))
    assert stored.shape == (48, 48)
    assert (stored == 200).all()
    assert not any(b"private name" in path.read_bytes() for path in feedback_folder(root).iterdir())
    assert send(client).json() == {"stored": False}


def test_the_card_says_what_is_stored(client):
    card = client.get("/model").json()
    assert card["feedback"] == ["dark", "light", "other", "no_face"]
    assert "48x48 pixels, gray" in card["feedback_notice"] and "stored" in card["feedback_notice"]
    assert "Nothing is stored unless you call an answer wrong" in card["privacy"]


@pytest.mark.parametrize("data", [{"choice": ""}, {"choice": "chair"}, {"face": "1"}, {"face": "-1"}])
def test_what_means_nothing_is_refused_and_not_stored(client, root, data):
    refused = send(client, **data)
    assert (refused.status_code, "expected" in refused.json()["detail"]) == (422, True)
    assert (
        client.post("/feedback", files={"file": ("a.jpg", b"no picture")}, data={"choice": "dark"}).status_code == 422
    )
    assert not feedback_folder(root).exists()


def test_full_means_refused_and_answers_go_on(client, root):
    assert [send(client, light=light).status_code for light in (10, 200, 250)] == [200, 200, 507]
    assert len(read_feedback(root)) == 2
    assert client.post("/predict", files={"file": ("a.png", picture())}).status_code == 200
    assert "emotion_feedback_total 2.0" in client.get("/metrics").text


def test_a_folder_that_cannot_be_written_is_said(client, root):
    root.mkdir()
    (root / "reviews").write_text("a file")
    refused = send(client)
    assert (refused.status_code, "not stored" in refused.json()["detail"]) == (507, True)


def test_a_photo_in_colour_leaves_its_gray_face_alone(client, root):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 200, 3), dtype=np.uint8)).save(file, "JPEG")
    client.post("/feedback", files={"file": ("a.jpg", file.getvalue())}, data={"choice": "other"})
    (path,) = feedback_folder(root).glob("*.png")
    with Image.open(path) as stored:
        assert (stored.size, stored.mode) == ((48, 48), "L")
