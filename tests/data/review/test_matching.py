"""Paths and addresses of other tools find the image that they mean, and no other one."""

import pytest

from data.review.matching import ImageFinder

PATHS = ["train/happy/8.jpg", "train/sad/9.jpg", "test/sad/9.jpg", "train/sad/a b%20.jpg"]


@pytest.fixture
def finder():
    return ImageFinder([(path, f"{place:064x}") for place, path in enumerate(PATHS)], ["old/happy/7.jpg"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/data/upload/3/0d1f2a3b-8.jpg", "train/happy/8.jpg"),
        ("http://localhost:8080/data/upload/3/0d1f2a3b-8.jpg", "train/happy/8.jpg"),
        ("upload/3/0d1f2a3b-8.jpg", "train/happy/8.jpg"),
        ("train/sad/a b%20.jpg", "train/sad/a b%20.jpg"),
        ("/data/local-files/?d=train/sad/a%20b%2520.jpg", "train/sad/a b%20.jpg"),
    ],
)
def test_an_image_is_found(finder, text, found):
    assert finder.find(text).image_id == found


@pytest.mark.parametrize(
    "text",
    [
        "test/surprise/0d1f2a3b-8.jpg",
        "0d1f2a3b-8.jpg",
        "/data/upload/3/0d1f2a3b-9.jpg",
        "/data/upload/3/0d1f2a3b-7.jpg",
        "/data/upload/sad/0d1f2a3b-8.jpg",
        "old/happy/7.jpg",
        "7.jpg",
        "",
        "/",
    ],
)
def test_a_name_of_no_image_or_of_several_finds_none(finder, text):
    assert finder.find(text) is None
