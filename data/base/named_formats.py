"""Formats of published data sets by name, and what a person says of a format: labels in order, numbers, size, colour.

The same seven expressions have another order in nearly every publication, so a number means nothing without the name
of its format. Labels have this project's names in all of them, see `data.base.names`.
"""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from data.base.data_format import LARGEST_SIDE, SEED_FORMAT, SMALLEST_SIDE, DataFormat, Label
from data.base.names import ClassNames
from data.base.record import Record

AUTO = "auto"
"""Stands for what is found in the data."""

FormatName = Literal["seed", "fer2013", "ferplus", "rafdb", "affectnet", "ckplus", "auto"]


class NamedFormat(Record):
    """Format of a published data set."""

    data_format: DataFormat
    first_number: int | None = Field(
        default=0, description="the publication's number of the first label; none if it uses no numbers"
    )
    source: str = Field(description="where order, numbers and size are from")

    @property
    def numbers(self) -> dict[str, str]:
        """Return the publication's number, as text, and the label that it stands for."""
        if self.first_number is None:
            return {}
        return {str(number): label for number, label in enumerate(self.data_format.labels, start=self.first_number)}


NAMED_FORMATS: dict[str, NamedFormat] = {
    "seed": NamedFormat(
        data_format=SEED_FORMAT,
        first_number=None,
        source="four classes of FER2013, in the notebook this project replaces",
    ),
    "fer2013": NamedFormat(
        data_format=DataFormat(labels=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")),
        source="Goodfellow et al. 2013, Challenges in Representation Learning; the column emotion of fer2013.csv",
    ),
    "ferplus": NamedFormat(
        data_format=DataFormat(labels=("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")),
        source="Barsoum et al. 2016, Training Deep Networks for Facial Expression Recognition; see fer2013new.csv",
    ),
    "rafdb": NamedFormat(
        data_format=DataFormat(
            labels=("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"),
            height=100,
            width=100,
            channels=3,
        ),
        first_number=1,
        source="Li, Deng and Du 2017, Reliable Crowdsourcing and Deep Locality-Preserving Learning; the aligned images",
    ),
    "affectnet": NamedFormat(
        data_format=DataFormat(
            labels=("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"),
            height=224,
            width=224,
            channels=3,
        ),
        source="Mollahosseini et al. 2017, AffectNet; the eight expressions of its manual annotation, faces at 224x224",
    ),
    "ckplus": NamedFormat(
        data_format=DataFormat(labels=("angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")),
        first_number=1,
        source="Lucey et al. 2010, The Extended Cohn-Kanade Dataset; the emotion codes 1 to 7, faces at 48x48",
    ),
}


class FormatChoice(Record):
    """What a person says of the format of a data set; what is not said is that of a named format, or found."""

    name: FormatName = Field(
        default="seed",
        description="Format of a published data set, or auto for labels, size and colour of most images",
    )
    labels: tuple[Label, ...] = Field(
        default=(), description="Classes in label order instead of the format's; auto alone takes the folders of train"
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=LARGEST_SIDE,
        description="Height and width in pixels to which all images are resized; 0 takes the format's and resizes none",
    )
    color: Literal["as published", "gray", "rgb"] = Field(
        default="as published", description="gray makes colour images gray, rgb takes gray ones as they look"
    )
    carve_test: bool = Field(
        default=False, description="Take a test split from train if the data set has none, as is done for validation"
    )

    @field_validator("image_size")
    @classmethod
    def _check_size(cls, size: int) -> int:
        if 0 < size < SMALLEST_SIDE:
            raise ValueError(f"got {size}, expected 0, or {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
        return size

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if self.labels and self.labels != (AUTO,):
            DataFormat(labels=self.labels)
        return self

    @property
    def finds_labels(self) -> bool:
        """Return whether the labels are the folders of train."""
        return self.labels == (AUTO,) or (self.name == AUTO and not self.labels)

    def class_names(self) -> ClassNames:
        """Return the classes, and the numbers of a publication that stand for them; no labels if they are found."""
        if self.finds_labels:
            return ClassNames(())
        if self.name == AUTO:
            return ClassNames(self.labels)
        named = NAMED_FORMATS[self.name]
        labels = self.labels or named.data_format.labels
        return ClassNames(labels, tuple((number, label) for number, label in named.numbers.items() if label in labels))
