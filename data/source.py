"""Where a data set comes from: one typed source that any `--source` string is parsed into."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DatasetSource(BaseModel):
    """A data set's origin.

    `parse_source` makes one from a string.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sample", "folder", "archive", "drive"] = Field(
        default="sample", description="generated sample, local folder, zip or tar (path or URL), or Google Drive"
    )
    location: str = Field(
        default="", description="path, http(s) URL, or a Drive file id, share URL or folder URL; empty for the sample"
    )
    sha256: str = Field(
        default="", pattern="^([0-9a-f]{64})?$", description="expected SHA-256 of the archive; empty accepts any"
    )
