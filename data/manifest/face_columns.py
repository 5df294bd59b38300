"""Columns that a manifest has if its images were cropped from photos, and the table from which they are taken."""

from pathlib import Path

import pandas as pd

FACES_NAME = "faces.parquet"
"""Table beside the images of a data set that was cropped from photos, see `data.photos.crop_folder`."""

FACES, FACE_SIDE = "faces", "face_side"
"""Number of faces in the photo, those much smaller than the largest left out; and the side of the largest one's crop
in pixels of the photo, 0 without a face."""

SMALLEST_FACE_SIDE = 24
"""Side of a face's crop in pixels of the photo below which it is too small. Source: a network's accuracy on 1,500
validation images of FER2013, which was 62.3 % at their own 48 pixels, 62.3 at 32, 57.9 at 24, 52.1 at 20 and 42.5 at
16."""


def add_face_columns(manifest: pd.DataFrame, table: Path) -> pd.DataFrame:
    """Add `faces` and `face_side` to a manifest of crops; without a table it stays as it is.

    Args:
        manifest: with the column `path`.
        table: `FACES_NAME` of these images, with the columns path, faces and face_side.
    """
    if not table.is_file():
        return manifest
    found = pd.read_parquet(table).set_index("path")
    return manifest.assign(
        faces=manifest["path"].map(found[FACES]).fillna(0).astype("int64"),
        face_side=manifest["path"].map(found[FACE_SIDE]).fillna(0.0).astype("float64"),
    )
