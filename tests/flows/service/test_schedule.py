"""The choice of a schedule, kept in the workspace."""

import pytest

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from flows.service.schedule import SCHEDULE_NAME, ScheduleChoice, read_schedule, write_schedule


def test_a_schedule_is_off_until_it_is_switched_on(tmp_path):
    assert read_schedule(tmp_path) == ScheduleChoice(on=False)
    write_schedule(ScheduleChoice(on=True, source="images.zip"), tmp_path / "workspace")
    assert read_schedule(tmp_path / "workspace") == ScheduleChoice(on=True, source="images.zip")


def test_a_foreign_file_is_named(tmp_path):
    (tmp_path / SCHEDULE_NAME).write_text('{"sometimes": true}')
    with pytest.raises(PipelineError, match=rf"{SCHEDULE_NAME}.*emotion schedule on or off"):
        read_schedule(tmp_path)


def test_the_preset_is_of_retrain_alone():
    choice = ScheduleChoice(on=True, source="images.zip", preset="smoke")
    assert choice.parameters_of("retrain") == {"source": "images.zip", "preset": "smoke"}
    assert choice.parameters_of("ingest") == {"source": "images.zip"}
    assert ScheduleChoice(on=True).parameters_of("retrain") == {}
    of_format = ScheduleChoice(on=True, data_format=FormatChoice(name="fer2013"))
    assert of_format.parameters_of("ingest") == {"data_format": FormatChoice(name="fer2013").model_dump(mode="json")}


def test_faces_are_found_in_the_data_set_of_both_flows():
    choice = ScheduleChoice(on=True, source="photos", faces="find", photos="/photos")
    assert choice.parameters_of("retrain") == choice.parameters_of("ingest") == {"source": "photos", "faces": "find"}
    assert choice.parameters_of("score") == {"source": "/photos"}


def test_photos_are_scored_on_the_schedule_only_if_some_are_named():
    choice = ScheduleChoice(on=True, source="images.zip", preset="smoke")
    assert choice.is_active("retrain") and not choice.is_active("score")
    assert choice.parameters_of("score") == {}, "the data set of retrain is no source of photos"
    named = ScheduleChoice(on=True, photos="/photos")
    assert named.is_active("score") and named.parameters_of("score") == {"source": "/photos"}
    assert named.parameters_of("retrain") == {}
    assert not ScheduleChoice(on=False, photos="/photos").is_active("score")
