"""The root of a data set among names."""

from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.base.names import ClassNames
from data.sources.root_search import RootSearch


def find(*names: str) -> str:
    search = RootSearch(Path("faces.zip"), ClassNames())
    for name in names:
        search.add(tuple(name.split("/")))
    return "/".join(search.find().parts)


def test_folder_with_most_splits_nearest_to_the_top_is_the_root() -> None:
    assert find("a/train/1.jpg", "a/test/2.jpg", "b/train/3.jpg") == "a"
    assert find("train/x/train/1.jpg") == ""


def test_none_or_several_roots_are_refused() -> None:
    with pytest.raises(PipelineError, match=r"at the top is a, b; expected SPLIT"):
        find("a/1.jpg", "b/2.jpg")
    with pytest.raises(PipelineError, match="more than one data set: a, b"):
        find("a/train/1.jpg", "b/train/1.jpg")


def test_classes_around_splits_are_one_data_set() -> None:
    search = RootSearch(Path("faces.zip"), ClassNames())
    for name in ("set/happy/train/1.jpg", "set/happy/test/2.jpg", "set/Sadness/train/3.jpg", "set/angry/train/4.jpg"):
        search.add(tuple(name.split("/")))
    assert search.find() == (("set",), "CLASS/SPLIT")
    with pytest.raises(PipelineError, match="more than one data set: happy, other"):
        find("happy/train/1.jpg", "other/train/2.jpg")
