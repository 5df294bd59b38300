"""Answers drawn on photos: where the boxes are, which colours they have, and that texts do not cover faces."""

import numpy as np
import pytest
from PIL import ImageColor, ImageDraw

from data.photos.found_face import Box, FoundFace
from serving.annotate import CERTAIN, NO_ANSWER, UNCERTAIN, describe_face, draw_answer, look_of
from serving.answers import FaceAnswer, PhotoAnswer

GREEN = (0, 120, 0)


def make_face(left, top, side=100, **fields):
    landmarks = ((1, 1), (5, 1), (3, 3), (3, 3), (3, 3))
    found = FoundFace(box=Box(left=left, top=top, width=side, height=side), certainty=0.9, landmarks=landmarks)
    return FaceAnswer(face=found, **{"label": "happy", "certainty": 0.874} | fields)


def draw(faces, width=800, height=600, outcome="faces"):
    answer = PhotoAnswer(source="x", outcome=outcome, width=width, height=height, faces=tuple(faces), version="v")
    return np.asarray(draw_answer(answer, np.full((height, width, 3), GREEN, np.uint8)))


def has_colour(pixels, colour):
    return bool((pixels == ImageColor.getrgb(colour)).all(axis=-1).any())


@pytest.mark.parametrize(
    ("fields", "text", "look"),
    [
        ({}, "happy 87 %", CERTAIN),
        ({"uncertain": True}, "uncertain: happy 87 %", UNCERTAIN),
        ({"outcome": "too_small", "label": "", "certainty": 0}, "too small", NO_ANSWER),
        ({"outcome": "turned_away", "label": "", "certainty": 0}, "from the side", NO_ANSWER),
    ],
)
def test_text_and_colour_say_what_is_known(fields, text, look):
    face = make_face(300, 300, **fields)
    assert (describe_face(face), look_of(face)) == (text, look)
    picture = draw([face])
    assert has_colour(picture[295:306, 340:360], look.back), "the upper edge of the box"
    assert has_colour(picture[340:360, 395:406], look.back), "its right edge"
    assert (picture[320:380, 320:380] == GREEN).all(), "the face itself stays as it is"
    assert (picture[:250] == GREEN).all() and (picture[:, 620:] == GREEN).all()


def test_the_box_fits_a_smaller_copy_of_the_photo():
    answer = PhotoAnswer(
        source="x", outcome="faces", width=1600, height=1200, faces=(make_face(600, 600, 200),), version="v"
    )
    picture = np.asarray(draw_answer(answer, np.full((600, 800, 3), GREEN, np.uint8)))
    assert has_colour(picture[340:360, 395:406], CERTAIN.back)
    assert (picture[320:380, 320:380] == GREEN).all()


def test_texts_cover_no_face_of_a_crowd():
    faces = [make_face(left, top, 60) for top in range(60, 500, 110) for left in range(20, 700, 130)]
    picture = draw(faces)
    for face in faces:
        box = face.face.box
        inside = picture[int(box.top) + 6 : int(box.top) + 54, int(box.left) + 6 : int(box.left) + 54]
        assert (inside == GREEN).all()


@pytest.mark.parametrize("place", [(0, 0), (700, 500), (-40, -40), (780, 580), (-500, 0)])
def test_a_face_at_the_edge_is_drawn_within_the_picture(place):
    picture = draw([make_face(*place)])
    assert picture.shape == (600, 800, 3) and has_colour(picture, CERTAIN.back)


def test_a_given_crop_is_enlarged_with_its_answer_below(monkeypatch):
    said = []
    write = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda self, place, text, **kw: said.append(text) or write(self, place, text, **kw)
    )
    picture = draw([FaceAnswer(face=None, label="traurig ö 悲", certainty=0.5)], width=48, height=48, outcome="given")
    assert said == ["traurig ö 悲 50 %"]
    assert picture.shape[1] == 384 and picture.shape[0] > 384
    assert (picture[:384] == GREEN).all()


def test_a_photo_without_a_face_says_so():
    assert draw([], outcome="no_face").shape[0] > 600
