"""Records of the votes of several people for the class of each image."""

from typing import Literal

from pydantic import Field

from data.base.record import Record

MatchedBy = Literal["path", "pixels", "row"]
"""What ties a row of a file of votes to its image."""

CLEAR_SHARE = 0.7
"""Share of the people who chose one class from which on an image is clear: 7 of 10."""

DECIDED_SHARE = 0.5
"""Share below which nobody agrees: no class was chosen by half of the people."""


MatchedBy = Literal["path", "pixels", "row"]
"""What ties a row of a file of votes to its image."""


class VotesMatch(Record):
    """How the rows of a file of votes were matched to the images of a data set."""

    matched_by: MatchedBy = Field(description="what ties a row to its image")
    columns: dict[str, str] = Field(
        default_factory=dict, description="column of the file -> the class or other answer that it is read as"
    )
    rows: int = Field(description="rows of the file with votes")
    empty_rows: int = Field(default=0, description="rows without any vote, which are ignored")
    unmatched_rows: int = Field(description="rows that name no image of the data set")
    unmatched_examples: tuple[str, ...] = Field(default=(), description="the first few of them")
    matched_images: int = Field(description="images with votes; copies with equal pixels are counted each")
    copies: int = Field(default=0, description="of these, images that only a copy with equal pixels was voted on")
    images_without: int = Field(description="images of the data set's classes without votes")


class ClassAgreement(Record):
    """Agreement of the published label with the choice of the crowd, for the images of one class."""

    label: str
    images: int = Field(description="published under this class, with votes for a class of the data set")
    agreed: int = Field(description="images of which the crowd chose this class too")
    chosen: tuple[int, ...] = Field(description="images by the crowd's choice, in label order; they sum to images")
    crowd_images: int = Field(description="images of all classes of which the crowd chose this class")
    clear: int = Field(description="images with an agreement of at least CLEAR_SHARE")
    undecided: int = Field(description="images with an agreement below DECIDED_SHARE")
    entropy: float | None = Field(
        description="mean over the images, in bits, of the votes for classes; 0 if all agree, none without images"
    )


class Crowd(Record):
    """What the votes say of the labels of a data set as published, stored as `crowd.json`."""

    labels: tuple[str, ...]
    images: int = Field(description="images with votes for a class of the data set, in known splits and classes")
    people: float | None = Field(description="mean number of votes an image, other answers included")
    agreed: int = Field(description="images whose published label is the crowd's choice")
    tied: int = Field(description="images with two or more classes of most votes; the published one counts if among")
    agreement_with_shared_ties: float | None = Field(
        description="share of the images whose published label is the crowd's choice, 0..1; one of two tied classes "
        "counts as a half, as it does for the ceiling"
    )
    ceiling: float | None = Field(
        description="how often one person who chose a class agrees with the majority of the others, 0..1; none if no "
        "image has votes for classes of several people"
    )
    clear: int = Field(description="images with an agreement of at least CLEAR_SHARE")
    undecided: int = Field(description="images with an agreement below DECIDED_SHARE: nobody agrees")
    no_face: int = Field(description="images, with votes for a class or without, of which most people saw no face")
    entropy: float | None = Field(description="mean over the images, in bits, of the votes for classes")
    by_class: tuple[ClassAgreement, ...] = Field(description="one for each label, in label order")

    @property
    def agreement(self) -> float:
        """Return the share of the images whose published label is the crowd's choice; NaN without images."""
        return self.agreed / self.images if self.images else float("nan")
