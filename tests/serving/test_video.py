"""Frames of videos: their times and colours, and files that are none."""

import cv2
import numpy as np
import pytest

from data.photos.reading import PhotoLimits, PhotoRefused
from serving.video import read_frames

FRAMES_A_SECOND = 10


def write_video(path, seconds):
    """Write a video that gets brighter: red, and blue from its second second on."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FRAMES_A_SECOND, (64, 48))
    for number in range(seconds * FRAMES_A_SECOND):
        colour = (0, 0, 200) if number < FRAMES_A_SECOND else (200, 0, 0)  # blue, green, red
        video.write(np.full((48, 64, 3), colour, np.uint8))
    video.release()


@pytest.fixture
def clip(tmp_path):
    write_video(tmp_path / "clip.mp4", seconds=3)
    return tmp_path / "clip.mp4"


@pytest.mark.parametrize(
    ("every", "times"),
    [(1, [0, 1, 2]), (0.25, [0, 0.3, 0.5, 0.8, 1, 1.3, 1.5, 1.8, 2, 2.3, 2.5, 2.8]), (60, [0])],
)
def test_frames_are_the_first_ones_from_each_time_on(clip, every, times):
    assert [seconds for seconds, _ in read_frames(clip, every)] == pytest.approx(times, abs=0.001)


def test_colours_are_red_green_blue(clip):
    frames = [pixels for _, pixels in read_frames(clip, 1)]
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 3
    assert [int(frame.mean(axis=(0, 1)).argmax()) for frame in frames] == [0, 2, 2]


def test_every_frame_is_read_if_they_are_further_apart_than_asked(clip):
    assert len(list(read_frames(clip, 0.01))) == 3 * FRAMES_A_SECOND


def test_frames_with_too_many_pixels_are_refused(clip):
    with pytest.raises(PhotoRefused, match="3,072 pixels") as refused:
        next(read_frames(clip, 1, PhotoLimits(max_pixels=3000)))
    assert refused.value.outcome == "too_large"


@pytest.mark.parametrize(("content", "outcome"), [(None, "unavailable"), (b"", "unreadable"), (b"x" * 9, "unreadable")])
def test_what_is_no_video_is_named(tmp_path, content, outcome):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PhotoRefused, match=r"clip\.mp4") as refused:
        list(read_frames(path, 1))
    assert refused.value.outcome == outcome
