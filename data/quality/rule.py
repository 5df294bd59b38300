"""One rule that a data set has to satisfy: its breach, what can be done about it, and its words."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

StopOrSetAside = Literal["fail", "quarantine"]
"""Choices for images that training cannot use: stop the run, or set the images aside."""

AnyChoice = Literal["fail", "quarantine", "warn", "off"]
"""Choices for images that training can use, with less trustworthy figures: also keep them, warning or not."""

StopOrWarn = Literal["fail", "warn", "off"]
"""Choices for a breach that setting single images aside does not repair."""


@dataclass(frozen=True)
class Rule:
    """One rule: its breach, what can be done about it, and the words of findings and reports.

    Args:
        name: its name in policies, findings and reports.
        breach: what breaks it, for the form of policies.
        choices: a `Literal` of what a policy can choose.
        default: the choice without a policy; a breach of a rule with the default "warn" is never critical by itself.
        expected: what it asks for; may name fields of `expectations.rules.DataRules`, and `labels` and `size` of the
            data set, in braces.
        found: noun and phrase for offending images, as in "3 train images found again in test": a pair for each fault;
            empty if it is about the data set as a whole; may name `labels` and `size` in braces.
        faults: the `FAULTS` that break it, which cleaning removes by setting the images aside.
        column: the column of `expectations.suite.prepare_frame` that it looks at, if it allows certain values only.
        allowed: these values; see `allowed_values` for those that depend on the format of the data set.
        names_values: whether a finding lists the other values, such as sizes.
        counterpart: the column in which an offending image and one shown beside it are equal, and one in which they
            differ; None if images are shown alone.
        advice: what a person can do if it stops a run.
    """

    name: str
    breach: str
    choices: Any
    default: str
    expected: str = ""
    found: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    column: str = ""
    allowed: tuple[str, ...] = ()
    names_values: bool = True
    counterpart: tuple[str, str] | None = None
    advice: str = ""

    @property
    def advisory(self) -> bool:
        """Whether a breach is only a warning unless a policy says "fail"."""
        return self.default == "warn"

    @property
    def tolerable(self) -> bool:
        """Whether training can use the offending images, with less trustworthy figures."""
        return bool(self.faults) and "warn" in get_args(self.choices)

    @property
    def needs_groups(self) -> bool:
        """Whether it needs the column `group` of `data.manifest.near_duplicates`; it is not checked without one."""
        return "group" in (self.counterpart or ())

    @property
    def needs_votes(self) -> bool:
        """Whether it needs `data.votes.column.VOTES`; it is not checked if nobody voted."""
        return "no_face_by_votes" in self.faults

    @property
    def needs_faces(self) -> bool:
        """Whether it needs `data.manifest.face_columns`; it is checked only if images were cropped from photos."""
        return bool({"no_face", "several_faces", "small_face"} & set(self.faults))
