"""The service on a port: answers, what it says of itself, and who may ask."""

import base64
import hashlib
import json

import pytest

from serving.web.limits import ServeLimits
from serving.web.page import read_page
from serving.web.prediction_log import PredictionLog
from tests.support.served import Registry, served
from tests.support.shade_predictor import LABELS, ShadePredictor, picture

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def client():
    with served(ShadePredictor) as found:
        yield found


def test_an_image_in_a_form_or_as_the_body_gets_the_same_answer(client):
    form = client.post("/predict", files={"file": ("a.png", picture())})
    body = client.post("/predict", content=picture(), headers={"Content-Type": "image/png"})
    assert form.status_code == body.status_code == 200
    (in_form,), (as_body,) = form.json()["answers"], body.json()["answers"]
    assert in_form["source"] == "a.png"
    assert in_form["faces"] == as_body["faces"]
    assert as_body["faces"][0]["label"] == "light"
    assert as_body["faces"][0]["probabilities"] == pytest.approx([55 / 255, 200 / 255])


def test_several_images_are_answered_in_order_by_one_version(client):
    files = [("file", (f"{light}.png", picture(light))) for light in (0, 255, 100)]
    answer = client.post("/predict", files=files).json()
    assert [one["source"] for one in answer["answers"]] == ["0.png", "255.png", "100.png"]
    assert [one["faces"][0]["label"] for one in answer["answers"]] == ["dark", "light", "dark"]
    assert answer["labels"] == list(LABELS)
    assert answer["version"] == "shade/1" == answer["answers"][0]["version"]


def test_a_bad_image_is_refused_alone_and_named_among_good_ones(client):
    alone = client.post("/predict", files={"file": ("bad.jpg", b"no picture")})
    assert alone.status_code == 422
    assert "expected" in alone.json()["detail"]
    among = client.post("/predict", files=[("file", ("bad.jpg", b"no picture")), ("file", ("a.png", picture()))])
    assert among.status_code == 200
    assert [one["outcome"] for one in among.json()["answers"]] == ["unreadable", "faces"]


def test_an_explanation_is_of_the_face_that_was_asked_for(client):
    answer = client.post("/explain", files={"file": ("a.png", picture())}, data={"face": "0"}).json()
    assert (answer["label"], answer["version"]) == ("light", "shade/1")
    assert len(base64.b64decode(answer["pixels"])) == answer["height"] * answer["width"] * answer["channels"]
    for face in ("1", "-1", "first", "9" * 400):
        refused = client.post("/explain", files={"file": ("a.png", picture())}, data={"face": face})
        assert refused.status_code == 422, face
        assert "expected" in refused.json()["detail"]


def test_the_model_card_names_figures_limits_and_law(client):
    card = client.get("/model").json()
    assert (card["bundle"]["accuracy_low"], card["bundle"]["accuracy_high"]) == (0.76, 0.84)
    assert "Article 5(1)(f)" in card["law"]
    assert any("dark worst: 70 %" in sentence for sentence in card["limits"])
    assert "none is stored" in card["privacy"]


def test_the_description_has_examples_that_are_valid_and_the_law(client):
    from serving.web.messages import Answers

    found = client.get("/openapi.json").json()
    assert "Article 5(1)(f)" in found["info"]["description"]
    assert "expression" in found["info"]["description"]
    example = found["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    assert Answers.model_validate(example).answers[0].faces[0].label == "happy"
    for path, media in (("/docs", "swagger"), ("/redoc", "redoc")):
        assert client.get(path).status_code == 404, media  # they load scripts from other hosts


def test_metrics_count_answers_and_do_not_grow_with_foreign_paths(client):
    def value(line):
        found = [row.rpartition(" ")[2] for row in client.get("/metrics").text.splitlines() if row.startswith(line)]
        return float(found[0]) if found else 0.0

    counted = 'emotion_requests_total{path="/predict",status="200"}'
    before, light, uncertain = value(counted), value('emotion_answers_total{label="light"}'), value("emotion_uncertain")
    client.post("/predict", files={"file": ("a.png", picture(140))})
    assert value(counted) == before + 1
    assert value('emotion_answers_total{label="light"}') == light + 1
    assert value("emotion_uncertain_answers_total") == uncertain + 1
    for number in range(20):
        client.get(f"/no/such/{number}")
    assert "/no/such" not in client.get("/metrics").text
    assert value('emotion_champion_info{version="shade/1"}') == 1


def test_the_page_may_run_its_own_script_alone(client):
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    html = read_page().html
    script = html[html.index("<script>") + 8 : html.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "camera=(self)" in answer.headers["Permissions-Policy"]


def test_foreign_hosts_and_pages_get_no_answer(client):
    assert client.get("/health", headers={"Host": "foreign.example"}).status_code == 400
    refused = client.post("/predict", files={"file": picture()}, headers={"Origin": "http://foreign.example"})
    assert refused.status_code == 403
    own = {"Origin": f"http://127.0.0.1:{client.port}"}
    assert client.post("/predict", files={"file": picture()}, headers=own).status_code == 200


def test_a_token_opens_and_nothing_else():
    with served(ShadePredictor, secrets=[TOKEN, "emotion:password-of-up"]) as client:

        def status(path="/metrics", **headers):
            return client.get(path, headers=headers).status_code

        assert status() == status(path="/") == status(path="/model") == 401
        assert status(path="/health") == 200
        assert status(Authorization=f"Bearer {TOKEN}") == 200
        for wrong in ("Bearer wrong", "Bearer", f"Basic {TOKEN}", "Basic !", TOKEN, "Bearer password-of-up"):
            assert status(Authorization=wrong) == 401, wrong
        assert client.get("/metrics", auth=("whoever", TOKEN)).status_code == 200
        assert client.get("/metrics", auth=("emotion", "password-of-up")).status_code == 200
        assert client.get("/metrics", auth=("other", "password-of-up")).status_code == 401
        assert "Basic" in client.get("/").headers["WWW-Authenticate"]
        assert client.post("/predict", files={"file": picture()}).status_code == 401


def test_without_a_champion_it_says_so_and_begins_when_there_is_one():
    registry = Registry(ShadePredictor, version=0)
    with served(None, registry=registry) as client:
        client.service.follower.look()
        assert client.get("/health").status_code == 503
        refused = client.post("/predict", files={"file": picture()})
        assert refused.status_code == 503
        assert "no champion yet" in refused.json()["detail"]
        assert refused.headers["Retry-After"] == "5"
        assert client.get("/").status_code == 200
        registry.version = 4
        client.service.follower.look()
        assert client.get("/health").json() == {"ready": True, "version": "shade/4", "message": ""}
        assert client.post("/predict", files={"file": picture()}).json()["version"] == "shade/4"


def test_nothing_is_written_unless_a_log_is_named_and_then_no_pixels(tmp_path):
    path = tmp_path / "answers.jsonl"
    log = PredictionLog(path)
    with served(ShadePredictor, log=log) as client:
        client.post("/predict", files=[("file", ("private name.png", picture())), ("file", ("b.png", b"bad"))])
        assert "keeps a log" in client.get("/model").json()["privacy"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["sha256"] for line in lines] == [hashlib.sha256(data).hexdigest() for data in (picture(), b"bad")]
    assert lines[0]["faces"][0]["probabilities"] == pytest.approx({"dark": 55 / 255, "light": 200 / 255})
    assert lines[1]["outcome"] == "unreadable"
    assert "private name" not in path.read_text()
    assert len(path.read_bytes()) < 1500
    assert path.stat().st_mode & 0o777 == 0o600


def test_many_faces_are_refused():
    with served(lambda version: ShadePredictor(version, faces=3), limits=ServeLimits(faces=2)) as client:
        refused = client.post("/predict", files={"file": picture()})
    assert refused.status_code == 422
    assert "got 3 faces in one image, expected at most 2" in refused.json()["detail"]
