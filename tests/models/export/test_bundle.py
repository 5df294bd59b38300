import pytest

from data.base.errors import PipelineError
from data.records.export import BUNDLE_NAME
from models.export.bundle import read_bundle, require_format
from models.export.gate import refuse
from tests.support.bundles import make_bundle


def test_a_bundle_is_read_back(tmp_path):
    bundle = make_bundle(formats=(refuse("onnx", tmp_path, "no package"),))
    (tmp_path / BUNDLE_NAME).write_text(bundle.model_dump_json())
    assert read_bundle(tmp_path).model_dump_json() == bundle.model_dump_json()
    with pytest.raises(PipelineError, match="which is not offered \\(no package\\), expected one of none"):
        require_format(tmp_path, "onnx")
    with pytest.raises(PipelineError, match="it was not exported"):
        require_format(tmp_path, "litert")


@pytest.mark.parametrize("text", [None, "{", '{"variant": "tiny"}'])
def test_another_directory_is_told_apart(tmp_path, text):
    if text is not None:
        (tmp_path / BUNDLE_NAME).write_text(text)
    with pytest.raises(PipelineError, match="expected the directory of an export"):
        read_bundle(tmp_path)
