"""Sources that a person names: order, folders, patterns, videos, and what does not exist."""

import os

import pytest
from PIL import Image

from data.photos.reading import PhotoRefused
from serving.sources import SourceOptions, count_photos, list_photos
from tests.serving.test_video import write_video


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with photos, a hidden one, a text and a video."""
    for name in ("b/2.JPG", "b/10.png", "a.jpeg", ".hidden/x.png", "b/.y.png", "b/notes.txt", "c[1].png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (60, 40)).save(path, "PNG")
    write_video(tmp_path / "clip.mp4", seconds=2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(given, **options):
    return [photo.name for photo in list_photos(given, SourceOptions(**options))]


def refusal(photo):
    with pytest.raises(PhotoRefused) as refused:
        photo.read()
    return refused.value


def test_a_folder_gives_its_photos_sorted_without_hidden_ones(folder):
    assert names(["."]) == ["a.jpeg", "c[1].png", "b/10.png", "b/2.JPG"]


def test_sources_keep_the_order_in_which_they_are_named(folder):
    assert names(["c[1].png", "b", "a.jpeg", "b/2.JPG"]) == ["c[1].png", "b/10.png", "b/2.JPG", "a.jpeg", "b/2.JPG"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("b/*.png", ["b/10.png"]), ("**/*.JPG", ["b/2.JPG"]), ("[ab]*", ["a.jpeg", "b/10.png", "b/2.JPG"])],
)
def test_a_pattern_gives_what_it_matches(folder, pattern, found):
    assert names([pattern]) == found


def test_a_file_that_is_named_is_tried_whatever_its_name(folder):
    assert names(["b/notes.txt", "b/.y.png"]) == ["b/notes.txt", "b/.y.png"]


@pytest.mark.parametrize("given", ["missing.png", "missing/", "*.webp", ".hidden/none"])
def test_what_does_not_exist_has_one_row_that_says_so(folder, given):
    (photo,) = list_photos([given])
    error = refusal(photo)
    assert error.outcome == "unavailable" and given.rstrip("/") in str(error)


def test_a_folder_without_photos_has_one_row(folder):
    (folder / "empty").mkdir()
    (photo,) = list_photos(["empty"])
    assert "no file that ends as an image does" in str(refusal(photo))


def test_a_video_needs_a_time_between_frames(folder):
    (photo,) = list_photos(["clip.mp4"])
    assert "--every 1" in str(refusal(photo))
    assert names(["clip.mp4"], every_seconds=0.5) == [f"clip.mp4#t={time}" for time in ("0.0", "0.5", "1.0", "1.5")]
    assert "clip.mp4#t=1.0" in names(["."], every_seconds=1)


def test_a_broken_video_has_one_row(folder):
    (folder / "broken.mp4").write_bytes(b"no video")
    (photo,) = list_photos(["broken.mp4"], SourceOptions(every_seconds=1))
    assert (photo.name, refusal(photo).outcome) == ("broken.mp4", "unreadable")


def test_a_secret_in_an_address_is_in_no_name(folder):
    assert names(["https://example.org/a.jpg?token=abc"]) == ["https://example.org/a.jpg?token=***"]


def test_names_that_are_not_utf8_can_be_read(folder):
    name = os.fsdecode(b"b/face\xe9.png")
    Image.new("RGB", (60, 40)).save(name)
    (photo,) = list_photos([name])
    assert photo.read().width == 60


@pytest.mark.parametrize("given", [["."], ["b/*", "missing.png", "http://127.0.0.1/x.png"], ["*"]])
def test_photos_are_counted_as_they_are_listed(folder, given):
    (folder / "clip.mp4").unlink()
    assert count_photos(given, SourceOptions()) == len(names(given))


def test_the_frames_of_a_video_are_not_counted_before(folder):
    assert count_photos(["clip.mp4"], SourceOptions(every_seconds=1)) is None
