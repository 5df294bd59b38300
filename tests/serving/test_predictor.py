"""Answers on photos: order, batches, one bad file, the modes, the threshold, and memory."""

import itertools
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.manifest.decoding import read_pixels
from data.photos import detector
from data.photos.found_face import Box, FoundFace
from data.photos.reading import Photo, PhotoRefused
from models.export import find
from serving import Predictor
from serving.predictor import AHEAD_PER_THREAD, MOST_THREADS, WINDOW_PHOTOS
from serving.sources import PhotoSource
from tests.support.tiny_export import FACE_SIDE, draw_crop, draw_photo, make_export


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos of every outcome; their names are in the order of a folder."""
    folder = tmp_path_factory.mktemp("photos")
    draw_photo([(40, 60)]).save(folder / "a.png")
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    draw_photo([(20, 60), (300, 80)]).save(folder / "c.png")
    Image.fromarray(draw_crop()).save(folder / "d.png")
    draw_photo([]).save(folder / "e.jpg")
    (folder / "f.png").write_text("<html>")
    return folder


@pytest.fixture(scope="module")
def answers(predictor, folder):
    return list(predictor.predict([folder, folder / "missing.png"]))


def test_each_photo_has_one_answer_in_order_whatever_it_is(answers, folder):
    outcomes = ["faces", "unreadable", "faces", "given", "no_face", "unreadable"]
    found = [(answer.source, answer.outcome) for answer in answers]
    names = [str(folder / name) for name in ("a.png", "b.jpg", "c.png", "d.png", "e.jpg", "f.png", "missing.png")]
    assert found == list(zip(names, [*outcomes, "unavailable"], strict=True))
    assert all(bool(answer.message) == (answer.outcome not in ("faces", "given")) for answer in answers)
    assert {answer.version for answer in answers} == {"91be04c7aa35de10"}


def test_faces_lie_where_they_were_drawn_and_have_both_certainties(answers):
    faces = answers[2].faces
    assert len(faces) == 2
    for face, left in zip(faces, (20, 300), strict=True):
        middle = face.face.box.left + face.face.box.width / 2
        assert left < middle < left + FACE_SIDE
        assert 0.7 <= face.face.certainty <= 1
        assert face.certainty == max(face.probabilities)
        assert face.label == SEED_FORMAT.labels[int(np.argmax(face.probabilities))]
        assert sum(face.probabilities) == pytest.approx(1)


def test_a_given_crop_is_scored_as_an_image_of_the_data_set_is(predictor, answers, folder):
    pixels = read_pixels(folder / "d.png", SEED_FORMAT)
    assert answers[3].faces[0].probabilities == pytest.approx(
        predictor.network.probabilities(pixels[None])[0], abs=1e-6
    )
    assert answers[3].faces[0].face is None


def test_a_photo_has_the_same_answer_alone_and_among_others(predictor, answers, folder):
    for answer in answers[:6]:
        path = folder / answer.source.rpartition("/")[2]
        alone = predictor.predict_image(path.read_bytes(), answer.source)
        assert (alone.outcome, len(alone.faces)) == (answer.outcome, len(answer.faces))
        for one, other in zip(alone.faces, answer.faces, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
            assert one.face == other.face


def test_one_photo_needs_no_list(predictor, answers, folder):
    for one in (folder / "a.png", str(folder / "a.png")):
        assert list(predictor.predict(one)) == [answers[0]]


@pytest.mark.parametrize(
    ("mode", "outcomes"),
    [("auto", ["faces", "given"]), ("given", ["given", "given"]), ("find", ["faces", "no_face"])],
)
def test_the_mode_says_what_a_picture_is(export, folder, mode, outcomes):
    predictor = Predictor.load(export, faces=mode)
    small = Image.fromarray(np.full((48, 48), 90, np.uint8))
    small.save(folder.parent / "blank.png")
    found = list(predictor.predict([folder / "a.png", folder.parent / "blank.png"]))
    assert [answer.outcome for answer in found] == outcomes


def test_pixels_and_content_of_a_file_give_one_answer(predictor, folder):
    pixels = np.asarray(Image.open(folder / "a.png"))
    assert predictor.predict_image(pixels, "a") == predictor.predict_image((folder / "a.png").read_bytes(), "a")
    gray = draw_crop()
    assert predictor.predict_image(gray) == predictor.predict_image(np.repeat(gray[..., None], 3, axis=2))


@pytest.mark.parametrize("pixels", [np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8), np.zeros((0, 9), np.uint8)])
def test_pixels_of_another_kind_are_named(predictor, pixels):
    answer = predictor.predict_image(pixels)
    assert answer.outcome == "unreadable" and str(pixels.shape) in answer.message


@pytest.mark.parametrize(("shift", "uncertain"), [(-1e-9, False), (1e-9, True)])
def test_an_answer_is_uncertain_below_the_stored_threshold_alone(tmp_path, predictor, shift, uncertain):
    certainty = predictor.predict_image(draw_crop()).faces[0].certainty
    other = Predictor.load(make_export(tmp_path, threshold=certainty + shift))
    face = other.predict_image(draw_crop()).faces[0]
    assert (face.uncertain, face.certainty) == (uncertain, certainty)
    assert face.label, "what it would be is told, too"


def test_without_a_threshold_nothing_is_uncertain(tmp_path):
    predictor = Predictor.load(make_export(tmp_path, threshold=None))
    assert not predictor.predict_image(np.zeros((48, 48), np.uint8)).faces[0].uncertain


def test_photos_are_read_no_further_ahead_than_a_window(predictor):
    """5,000 photos must not need more memory than 50: an endless source is answered, and read a bounded bit ahead."""
    listed = []

    def endless():
        for number in itertools.count():
            listed.append(number)
            yield PhotoSource(str(number), lambda: Photo(np.zeros((48, 48, 3), np.uint8)))

    answers = predictor.predict(endless())
    for number in range(3 * WINDOW_PHOTOS):
        assert next(answers).source == str(number)
        assert len(listed) - number <= WINDOW_PHOTOS + (AHEAD_PER_THREAD + 1) * MOST_THREADS
    answers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photos")]


def test_a_photo_that_breaks_the_finder_costs_one_answer(predictor, monkeypatch):
    def find(self, pixels):
        if pixels[0, 0, 0] == 7:
            raise RuntimeError("bad luck")
        return ()

    monkeypatch.setattr(detector.FaceFinder, "find", find)
    photos = [
        PhotoSource(str(level), lambda level=level: Photo(np.full((9, 9, 3), level, np.uint8))) for level in (1, 7)
    ]
    found = list(predictor.predict([*photos, photos[0]]))
    assert [answer.outcome for answer in found] == ["no_face", "unreadable", "no_face"]
    assert "bad luck" in found[1].message


def test_a_face_that_cannot_be_scored_has_a_reason_and_no_answer(predictor, monkeypatch, folder):
    def find(self, pixels):
        face = FoundFace(
            box=Box(left=50, top=50, width=9, height=9), certainty=0.8, landmarks=((1, 1), (5, 1)) + ((3, 3),) * 3
        )
        return face, face.model_copy(update={"box": Box(left=100, top=50, width=90, height=90)})

    monkeypatch.setattr(detector.FaceFinder, "find", find)
    (answer,) = predictor.predict([folder / "a.png"])
    small, scored = answer.faces
    assert (small.outcome, small.label, small.probabilities) == ("too_small", "", ())
    assert scored.outcome == "scored" and len(scored.probabilities) == 4, "each face has its own row of the scores"


def test_a_missing_part_of_the_installation_is_no_fault_of_a_photo(export, monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(PipelineError, match="extra photos"):
        list(Predictor.load(export).predict([folder / "a.png"]))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PipelineError, match="extra serve"):
        Predictor.load(export)


def test_a_refusal_of_a_source_of_ones_own_keeps_its_outcome(predictor):
    def read():
        raise PhotoRefused("gone", "unavailable")

    (answer,) = predictor.predict([PhotoSource("mine", read)])
    assert (answer.source, answer.outcome, answer.message) == ("mine", "unavailable", "gone")


def test_a_directory_without_an_export_and_a_format_that_failed_are_refused(tmp_path):
    with pytest.raises(PipelineError, match="emotion export"):
        Predictor.load(tmp_path)
    failed = {"format": "onnx", "path": "network.onnx", "bytes": 1, "offered": False, "reason": "differs by 0.2"}
    with pytest.raises(PipelineError, match=r"differs by 0\.2"):
        Predictor.load(make_export(tmp_path, formats=(failed,)))


def test_a_workspace_without_a_champion_says_what_to_do(tmp_path):
    with pytest.raises(PipelineError, match="make run or emotion run"):
        Predictor.champion(tmp_path)


def test_a_version_without_an_export_names_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "champion_export", lambda root, model, version: (version or 3, None))
    with pytest.raises(PipelineError, match=r"version 3 of the model emotion .* emotion export"):
        Predictor.champion(tmp_path)
