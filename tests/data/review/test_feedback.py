"""Feedback: stored with the pixels that the network saw, once, within its limits, for the owner alone."""

import io

import numpy as np
import pytest
from PIL import Image

from data.manifest.measures import describe_image, read_file
from data.review.feedback import FeedbackFull, FeedbackLimits, FeedbackStore, feedback_folder, read_feedback
from data.review.pictures import encode_png, hash_pixels, read_as_png
from tests.support.image_tree import make_pixels, write_image

SAID = {"happy": 0.8, "sad": 0.2}


def add(store, seed, choice="sad"):
    return store.add(make_pixels(np.random.default_rng(seed))[..., None], choice, "happy", "emotion/3", SAID)


def test_a_face_is_stored_with_the_answers_on_it(tmp_path):
    assert add(FeedbackStore(tmp_path), 1)
    (one,) = read_feedback(tmp_path)
    assert (one.choice, one.answered, one.version, one.probabilities) == ("sad", "happy", "emotion/3", SAID)
    stored = np.asarray(Image.open(feedback_folder(tmp_path) / one.file_name))
    assert (stored == make_pixels(np.random.default_rng(1))).all()
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in [feedback_folder(tmp_path), *feedback_folder(tmp_path).iterdir()]
    )


def test_the_same_answer_is_stored_once_and_another_one_too(tmp_path):
    store = FeedbackStore(tmp_path)
    assert [add(store, 1), add(store, 1), add(store, 1, "other"), add(FeedbackStore(tmp_path), 1)] == [
        True,
        False,
        True,
        False,
    ]
    assert len(read_feedback(tmp_path)) == 2
    assert len(list(feedback_folder(tmp_path).glob("*.png"))) == 1


def test_the_number_and_the_bytes_are_bounded(tmp_path):
    store = FeedbackStore(tmp_path, FeedbackLimits(pictures=2))
    add(store, 1), add(store, 2)
    with pytest.raises(FeedbackFull, match="at most 2 answers"):
        add(store, 3)
    small = FeedbackStore(tmp_path / "small", FeedbackLimits(total_bytes=1 << 16))
    with pytest.raises(FeedbackFull):
        for seed in range(100):
            add(small, seed)
    used = sum(path.stat().st_size for path in feedback_folder(tmp_path / "small").iterdir())
    assert 1 << 15 < used <= 1 << 16


def test_a_torn_line_and_a_missing_picture_are_left_out(tmp_path):
    store = FeedbackStore(tmp_path)
    add(store, 1), add(store, 2)
    with (feedback_folder(tmp_path) / "feedback.jsonl").open("ab") as file:
        file.write(b'{"at": "2026')
    add(store, 3)
    assert len(read_feedback(tmp_path)) == 3
    (feedback_folder(tmp_path) / read_feedback(tmp_path)[0].file_name).unlink()
    assert len(read_feedback(tmp_path)) == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_have_the_hash_that_a_manifest_gives_them(tmp_path, channels):
    pixels = np.random.default_rng(4).integers(0, 256, (48, 40, channels), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(encode_png(pixels))
    assert hash_pixels(pixels) == describe_image(read_file(tmp_path, "a.png"))["pixel_sha256"]
    gray_in_colour = np.repeat(pixels[..., :1], 3, axis=2)
    assert hash_pixels(gray_in_colour) == hash_pixels(pixels[..., :1])


def test_a_shown_image_holds_its_pixels_alone_and_is_not_too_large(tmp_path):
    path = write_image(tmp_path / "large.jpg", np.zeros((1500, 3000, 3), np.uint8))
    with Image.open(io.BytesIO(read_as_png(path))) as shown:
        assert (shown.format, shown.size, dict(shown.info)) == ("PNG", (1024, 512), {})
