"""Networks that the project does not have: found by module and function or by an entry point, and part of a key."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.workspace.digests import collect_modules
from models.catalog.presets import load_preset
from models.catalog.variants import VARIANTS, OwnVariantName, VariantName, find_variant

BUILD = """
import keras
from own_faces.layers import WIDTH

def tiny(data_format, weights=None):
    pixels = keras.Input(data_format.shape)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(WIDTH, 3)(pixels))
    return keras.Model(pixels, keras.layers.Dense(len(data_format.labels), activation="softmax")(features))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own_faces"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "layers.py").write_text("WIDTH = 4\n")
    (folder / "networks.py").write_text(BUILD)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_network_is_found_by_its_builder(package: Path) -> None:
    found = find_variant("own_faces.networks:tiny")
    assert (found.name, found.builder, found.pretrained) == ("tiny", "own_faces.networks:tiny", False)


def test_a_network_is_found_by_an_entry_point(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("their_net", "own_faces.networks:tiny", "emotion.variants")
    monkeypatch.setattr(
        "models.catalog.variants.entry_points",
        lambda group, name: [point] if (group, name) == (point.group, point.name) else [],
    )
    assert find_variant("their_net").builder == "own_faces.networks:tiny"
    assert find_variant("their_net").name == "their_net"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:tiny", "module cannot be found.*PYTHONPATH"),
        ("own_faces.networks:compact", "whose name compact is that of a variant"),
        ("tiny", "expected one of light"),
        ("../networks.py:tiny", "expected one of light"),
    ],
)
def test_what_cannot_be_found_is_said(package: Path, name: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        find_variant(name)


def test_its_code_and_that_of_its_package_is_part_of_the_key(package: Path) -> None:
    modules = collect_modules(["own_faces.networks"])
    assert modules == ["own_faces.layers", "own_faces.networks"]


def test_the_form_offers_the_table_and_takes_builders_in_a_field_of_their_own() -> None:
    assert TypeAdapter(VariantName).json_schema()["enum"] == list(VARIANTS)
    own = TypeAdapter(OwnVariantName)
    assert own.validate_python("own_faces.networks:tiny")
    with pytest.raises(ValidationError):
        own.validate_python("rm -rf /")


def test_a_recipe_of_the_preset_trains_it() -> None:
    preset = load_preset("quick")
    assert preset.recipe("own_faces.networks:tiny", 0) == preset.train


def test_it_is_built_for_the_format_of_the_data(package: Path) -> None:
    code = (
        "from data.base.named_formats import NAMED_FORMATS\n"
        "from models.networks.load import load_builder\n"
        "model = load_builder('own_faces.networks:tiny')(NAMED_FORMATS['rafdb'].data_format, None)\n"
        "print(model.input_shape, model.output_shape)"
    )
    environment = {"PYTHONPATH": str(package.parent), "PATH": "", "KERAS_BACKEND": "tensorflow", "HOME": "/tmp"}
    built = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT_ROOT, env=environment, check=True
    )
    assert built.stdout.strip() == "(None, 100, 100, 3) (None, 7)"
