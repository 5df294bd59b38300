"""Format of a data set: its labels in order, and the size and colour in which networks see its images."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data.base.record import Record

SMALLEST_SIDE, LARGEST_SIDE = 32, 224
"""Bounds of an image's height and width in pixels: those that every network of the project can be built for."""

MOST_LABELS = 30

Label = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^/\\\x00-\x1f]+$")]
"""Name of a class, which is a folder's name as well."""

FORMULA_SIGNS = ("=", "+", "-", "@")
"""Signs with which a formula of a spreadsheet begins; labels stand in CSVs that people open with one."""

Side = Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]


class DataFormat(Record):
    """Labels of a data set, and the shape of its images as networks take them."""

    labels: tuple[Label, ...] = Field(min_length=2, max_length=MOST_LABELS, description="label i is labels[i]")
    height: Side = 48
    width: Side = 48
    channels: Literal[1, 3] = Field(default=1, description="1 for gray, 3 for colour (RGB)")
    resize: bool = Field(
        default=False, description="whether images of another size are resized; otherwise they are set aside"
    )
    recolor: bool = Field(
        default=False,
        description="whether colour images of a gray data set are made gray; otherwise they are set aside",
    )

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"got labels {', '.join(self.labels)}, expected each once")
        formulas = [label for label in self.labels if label.startswith(FORMULA_SIGNS)]
        if formulas:
            raise ValueError(
                f"got the label {formulas[0]}, expected one that does not begin with {' '.join(FORMULA_SIGNS)}, which "
                "spreadsheets take for a formula: rename the class"
            )
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (height, width, channels) of an image."""
        return self.height, self.width, self.channels

    @property
    def size(self) -> str:
        """Return width and height as people write them, such as 48x48."""
        return f"{self.width}x{self.height}"

    @property
    def colour(self) -> str:
        """Return "gray" or "colour"."""
        return "gray" if self.channels == 1 else "colour"

    def describe(self) -> str:
        """Return the format in a few words."""
        return f"{len(self.labels)} classes ({', '.join(self.labels)}), {self.size} {self.colour}"


SEED_FORMAT = DataFormat(labels=("happy", "neutral", "sad", "surprise"))
"""The format of the notebook's data set, and the default. Its labels are alphabetical, as Keras' directory loaders
number them."""
