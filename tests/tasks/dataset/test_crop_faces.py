"""Photos become the images of a data set, in a child command; the setting is part of the key."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from prefect.logging import disable_run_logger

from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice
from data.manifest.face_columns import FACES_NAME
from data.manifest.table import read_manifest
from data.sample.scenes import draw_scene
from data.workspace.layout import FOLDER_NAMES_NAME, IMAGES_FOLDER, IMAGES_STAGE, MANIFEST_NAME
from data.workspace.stage_record import read_record
from data.workspace.store import Produced, Workspace
from tasks.dataset.crop_faces import crop_faces, crop_format
from tasks.dataset.manifest import build_manifest
from tasks.support.outcomes import record_of

pytest.importorskip("cv2")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def photos(workspace: Workspace) -> Produced:
    """Return a stage with a photo of one face, one without a face, and a file that is none."""

    def write(out: Path) -> None:
        folder = out / IMAGES_FOLDER / "train/happy"
        folder.mkdir(parents=True)
        for name, sides in {"0.jpg": [150], "1.jpg": []}.items():
            scene = draw_scene((400, 300), sides, np.random.default_rng(4), label="happy")
            Image.fromarray(scene.pixels).save(folder / name)
        (folder / "2.jpg").write_text("no photo")
        (out / FOLDER_NAMES_NAME).write_text("{}")

    return workspace.produce(IMAGES_STAGE, {"archive_sha256": "0" * 64}, write)


def crop(photos: Produced, workspace: Workspace, choice: FormatChoice = FormatChoice()) -> Produced:
    with disable_run_logger():
        return record_of(crop_faces.fn(photos, choice, workspace))


def test_photos_become_images_that_the_manifest_counts_faces_of(photos, workspace):
    images = crop(photos, workspace)
    assert images.stage == IMAGES_STAGE and images.key != photos.key
    assert pd.read_parquet(images.path / FACES_NAME)["outcome"].tolist() == ["faces", "no_face", "unreadable"]
    assert (images.path / FOLDER_NAMES_NAME).read_text() == "{}"
    assert read_record(images.path).inputs["archive_sha256"] == "0" * 64
    with disable_run_logger():
        cropped, plain = (record_of(build_manifest.fn(stage, workspace)) for stage in (images, photos))
    manifest = read_manifest(cropped.path / MANIFEST_NAME)
    assert manifest["faces"].tolist() == [1, 0, 0]
    assert manifest["decodable"].tolist() == [True, True, False]
    assert set(manifest["width"][:2]) == {48}
    assert "faces" not in read_manifest(plain.path / MANIFEST_NAME)


def test_the_size_of_the_crops_is_part_of_the_key_and_the_same_photos_are_cropped_once(photos, workspace):
    first = crop(photos, workspace)
    assert not first.cached and crop(photos, workspace).cached
    larger = crop(photos, workspace, FormatChoice(image_size=64, color="rgb"))
    assert larger.key != first.key
    with Image.open(larger.path / IMAGES_FOLDER / "train/happy/0.jpg") as image:
        assert (image.size, image.mode) == ((64, 64), "RGB")


@pytest.mark.parametrize(
    ("choice", "shape"),
    [
        (FormatChoice(), (48, 48, 1)),
        (FormatChoice(name="rafdb"), (100, 100, 3)),
        (FormatChoice(name="rafdb", color="gray"), (100, 100, 1)),
        (FormatChoice(name="auto", image_size=96, color="rgb"), (96, 96, 3)),
    ],
)
def test_crops_have_the_size_and_colour_of_the_format(choice, shape):
    assert crop_format(choice).shape == shape


def test_a_size_that_is_to_be_found_in_photos_is_refused():
    with pytest.raises(PipelineError, match="--image-size"):
        crop_format(FormatChoice(name="auto"))
