import pytest

from data.base.errors import PipelineError
from data.records.export import BUNDLE_NAME, ExportedFormat
from models.export.bundle import read_bundle
from models.export.copy import copy_export
from tests.support.bundles import make_bundle


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export"
    (path / "saved_model").mkdir(parents=True)
    (path / "saved_model" / "saved_model.pb").write_text("graph")
    (path / "network.onnx").write_text("onnx")
    (path / "network.tflite").write_text("harmed")
    formats = (
        ExportedFormat(format="saved_model", path="saved_model", bytes=5, offered=True),
        ExportedFormat(format="onnx", path="network.onnx", bytes=4, offered=True),
        ExportedFormat(format="litert", path="network.tflite", bytes=6, offered=False, reason="it differs"),
    )
    (path / BUNDLE_NAME).write_text(make_bundle(formats=formats).model_dump_json())
    return path


def names(path):
    return {one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file()}


def test_copies_what_is_offered(export, tmp_path):
    target = tmp_path / "new" / "copy"
    copy_export(export, target)
    assert names(target) == {"bundle.json", "README.md", "saved_model/saved_model.pb", "network.onnx"}
    assert [one.format for one in read_bundle(target).formats] == ["saved_model", "onnx"]


def test_copies_the_formats_that_were_named(export, tmp_path):
    copy_export(export, tmp_path / "copy", ["onnx"])
    assert names(tmp_path / "copy") == {"bundle.json", "README.md", "network.onnx"}
    assert "## SavedModel" not in (tmp_path / "copy" / "README.md").read_text()


def test_refuses_a_format_that_is_not_offered_and_a_directory_that_exists(export, tmp_path):
    with pytest.raises(PipelineError, match="it differs"):
        copy_export(export, tmp_path / "copy", ["litert"])
    (tmp_path / "copy").mkdir()
    with pytest.raises(PipelineError, match="which exists"):
        copy_export(export, tmp_path / "copy")
    assert {one.name for one in tmp_path.iterdir()} == {"export", "copy"}, "nothing half-written stays"
