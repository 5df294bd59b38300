"""Files that a person names are looked for before anything is downloaded."""

import pytest

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.sources.source import parse_source
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.audit import audit
from flows.settings import load_settings
from flows.steps import prepare
from flows.steps.prepare import DataChoices, prepare_data, require_file


@pytest.mark.parametrize("option", ["relabel", "votes"])
def test_a_missing_file_is_refused_before_the_download(option, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(prepare, "acquire_images", lambda *_: pytest.fail("it was downloaded"))
    files = {"relabel": "", "votes": "", option: str(tmp_path / "nosuch.csv")}
    asked = DataChoices(
        parse_source("sample"), files["relabel"], RulePolicies(), DataLimits(), 42, FormatChoice(), votes=files["votes"]
    )
    settings = load_settings()
    with pytest.raises(PipelineError, match=f"got --{option} .*nosuch.csv, expected the path of a file"):
        prepare_data(asked, settings.open_workspace(False), settings)


def test_answers_of_an_audit_are_looked_for_before_its_trainings(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path / "workspace"))
    with pytest.raises(PipelineError, match=r"got --answers .*nosuch\.csv"):
        audit.fn(answers=str(tmp_path / "nosuch.csv"))
    assert not (tmp_path / "workspace").exists()


def test_an_option_that_was_not_given_needs_no_file(tmp_path):
    require_file("--votes", "")
    (tmp_path / "votes.csv").touch()
    require_file("--votes", str(tmp_path / "votes.csv"))
