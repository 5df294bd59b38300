"""A search begins no trial that would not fit, and nothing at all where none would."""

import time
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from flows.steps.search_budget import SearchBudget, check_search


def test_trials_begin_while_there_are_some_left_and_one_fits():
    budget = SearchBudget(trials=3, minutes=10, trial_minutes=2, started=time.time())
    assert [budget.has_time_for_another(started) for started in (0, 2, 3)] == [True, True, False]


def test_no_trial_begins_that_would_not_fit():
    assert SearchBudget(9, 10, 2, started=time.time() - 7.9 * 60).has_time_for_another(1)
    assert not SearchBudget(9, 10, 2, started=time.time() - 8.1 * 60).has_time_for_another(1)


def test_what_trials_take_beside_their_training_is_learnt():
    budget = SearchBudget(9, 10, 2, started=time.time() - 7 * 60)
    budget.record_duration(100)
    assert budget.has_time_for_another(1), "a short one, such as one found done, promises nothing of the next"
    budget.record_duration(200)
    assert not budget.has_time_for_another(1)


@pytest.mark.parametrize(
    ("minutes", "trial_minutes", "out", "message"),
    [
        (1, 2, "", "got 1 minutes for a search whose trials take 2"),
        (9, 2, "nowhere/found.json", "whose folder does not exist"),
        (9, 2, ".", "which is a folder"),
    ],
)
def test_a_search_that_cannot_end_well_is_refused(minutes, trial_minutes, out, message):
    with pytest.raises(PipelineError, match=message):
        check_search(minutes, trial_minutes, out, Path())


def test_a_file_in_a_folder_that_is_there_is_written(tmp_path):
    check_search(9, 2, str(tmp_path / "found.json"), tmp_path)


def test_a_file_of_a_person_is_not_overwritten(tmp_path):
    out = tmp_path / "notes.json"
    out.write_text('{"mine": true}')
    search = tmp_path / "workspace" / "searches" / "0123456789abcdef"
    search.mkdir(parents=True)
    (search / "preset.json").write_text('{"found": true}')
    with pytest.raises(PipelineError, match="a file that exists and is not the preset of a search"):
        check_search(9, 2, str(out), tmp_path / "workspace")
    assert out.read_text() == '{"mine": true}'
    out.write_text('{"found": true}')
    check_search(9, 2, str(out), tmp_path / "workspace")
