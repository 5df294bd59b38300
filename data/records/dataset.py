"""Records of a data set: findings, verdict, quarantine and summary."""

from typing import Literal

from pydantic import Field

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.record import NumberOrWords, Record
from data.records.votes import Crowd, VotesMatch

Severity = Literal["critical", "warning", "info"]

NOT_CHECKED = "not checked"
"""Value of `Finding.observed` if the check of the rule raised an error."""


class Finding(Record):
    """Result of one expectation."""

    rule: str = Field(description="Name of the rule, such as no_duplicates_across_splits")
    severity: Severity
    success: bool
    observed: int | NumberOrWords = Field(description="What was seen: a count of offending images, a ratio, a list")
    expected: str = Field(description="What the rule asks for, in words")
    message: str = Field(description="One sentence for a person, with the figure in it")
    examples: tuple[str, ...] = Field(default=(), description="Paths of at most 10 offending images")


class Verdict(Record):
    """All findings of one validation of one manifest."""

    findings: tuple[Finding, ...]

    def failed(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of this severity that did not pass."""
        return tuple(f for f in self.findings if not f.success and f.severity == severity)


class QuarantineCount(Record):
    """Number of images that were set aside for one reason."""

    reason: str
    images: int


class RelabelCounts(Record):
    """Counts of the labels that a person corrected, a part of the data's summary."""

    corrections: int = Field(description="images named in the file with a new_label")
    relabelled: int = Field(description="images that got another class, copies with equal pixels included")
    removed: int = Field(description="images set aside, copies included")
    confirmed: int = Field(description="images whose label was said to be right, copies included")
    copies: int = Field(description="of all these, images not named themselves but equal in pixels to a named one")
    votes_replaced: int = Field(default=0, description="images of which the person's answer is the only vote now")


Layout = Literal["SPLIT/CLASS", "CLASS/SPLIT", "CLASS"]
"""Order of the folders above the images of a source; without splits, all images are those of train."""


class ReadName(Record):
    """A folder's name that is read as that of a split or class."""

    name: str
    read_as: str
    files: int


class FolderNames(Record):
    """How the folders of a source were read."""

    layout: Layout = "SPLIT/CLASS"
    renamed: tuple[ReadName, ...] = ()
    missing: tuple[str, ...] = Field(default=(), description="splits that have no folder")


class CarvedSplit(Record):
    """A split that the data set lacked, and that was taken from train."""

    name: str
    share: float = Field(description="of train's pictures of each class, 0..1")
    images: int


class DataSummary(Record):
    """Summary of the data set in a run's results."""

    source: str
    synthetic: bool
    data_format: DataFormat = Field(default=SEED_FORMAT, description="labels, size and colour")
    counts_published: dict[str, dict[str, int]] = Field(description="split -> class -> images, before cleaning")
    counts_used: dict[str, dict[str, int]] = Field(description="part -> class -> images, after cleaning")
    duplicate_groups: int = Field(description="groups of images with equal pixels")
    duplicate_groups_across_splits: int
    leaking_train_images: int = Field(description="train images that also stand in validation or test")
    label_conflict_images: int = Field(description="images whose pixels stand under two or more labels")
    blank_images: int
    undecodable_images: int
    near_duplicate_groups: int = Field(default=0, description="groups that show one picture with different pixels")
    near_duplicate_groups_across_splits: int = 0
    near_duplicate_images: int = Field(default=0, description="images in those groups")
    near_leaking_train_images: int = Field(default=0, description="train images whose picture stands elsewhere")
    near_leaking_validation_images: int = Field(default=0, description="validation images whose picture is in test")
    near_label_conflict_images: int = Field(default=0, description="images whose picture stands under two labels")
    before: Verdict = Field(description="the verdict on the data set as published")
    after: Verdict = Field(description="the verdict on what is left after cleaning")
    quarantine: tuple[QuarantineCount, ...]
    carved: tuple[CarvedSplit, ...] = Field(default=(), description="splits that were taken from train")
    relabel: RelabelCounts | None = Field(default=None, description="a person's corrections, where there were some")
    votes: VotesMatch | None = Field(default=None, description="how votes were matched, where there were some")
    crowd: Crowd | None = Field(default=None, description="what the votes say of the labels as published")

    def describe_reading(self) -> tuple[str, ...]:
        """Say in sentences how it was read: its format, unless it is the seed's, and the splits that were carved."""
        shape = self.data_format
        named = () if shape == SEED_FORMAT else (f"the format is {shape.describe()}",)
        return (
            *named,
            *(
                f"{split.name} was taken from train: {split.images:,} images, {split.share:.0%} of each class"
                for split in self.carved
            ),
        )


class Accepted(Record):
    """Keys of the accepted data set of a source and of the one before."""

    key: str = Field(description="empty if no data set of the source was accepted")
    former: str = ""

    def last_before(self, key: str) -> str:
        """Return the key of the data set to compare this one with; a repeated run gets the same answer."""
        return self.former if key == self.key else self.key
