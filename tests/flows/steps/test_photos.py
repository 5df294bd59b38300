"""Photos and versions that a person names."""

import pytest

from data.base.errors import PipelineError
from flows.steps.chosen_version import choose_version
from flows.steps.photos import locate_photos
from models.registry.champion import ModelRegistry
from tests.support.registry_factory import make_registry


def test_every_spelling_of_a_path_is_one_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spellings = ["photos", "./photos/", "~/photos", "sub/../photos", str(tmp_path / "photos")]
    assert {locate_photos(one) for one in spellings} == {str(tmp_path / "photos")}
    assert locate_photos("2024/*.jpg") == str(tmp_path / "2024" / "*.jpg")
    assert locate_photos(" https://example.org/a.jpg ") == "https://example.org/a.jpg"


@pytest.mark.parametrize(
    ("given", "words"),
    [(" ", "expected photos: a folder"), ("https://user:hunter2@example.org/a.jpg", "write the address into a list")],
)
def test_what_is_no_source_is_refused_without_its_secret(given, words):
    with pytest.raises(PipelineError, match=words) as raised:
        locate_photos(given)
    assert "hunter2" not in str(raised.value)


def test_a_version_is_a_number_or_an_alias(tmp_path):
    workspace = make_registry(tmp_path, versions=2)
    assert choose_version("champion", workspace) == ("emotion", 0)
    assert choose_version("emotion-rafdb", workspace) == ("emotion-rafdb", 0)
    assert choose_version("emotion/7", workspace) == ("emotion", 7)
    with pytest.raises(PipelineError, match="got version 'challenger' of the model emotion"):
        choose_version("challenger", workspace)
    ModelRegistry(workspace).set_challenger(2)
    assert choose_version("challenger", workspace) == ("emotion", 2)
    with pytest.raises(PipelineError, match="got version '-1'"):
        choose_version("-1", workspace)
