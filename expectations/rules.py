"""Bounds and severities of the rules that a data set has to satisfy."""

from typing import Annotated

from pydantic import AfterValidator, Field

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.parts import SPLITS
from data.base.record import Record
from data.quality.cleaning import BLANK_STANDARD_DEVIATION, CleaningPolicy
from data.quality.rule import Rule
from data.quality.rules import RULES
from data.records.dataset import Severity
from expectations.counts import ProfileName


def _require_known(name: str) -> str:
    if name not in RULES:
        raise ValueError(f"got the rule {name!r}, expected one of {', '.join(RULES)}")
    return name


RuleName = Annotated[str, AfterValidator(_require_known)]


class DataLimits(Record):
    """How many images a data set needs, how unlike its classes may be in size, and which published counts it has."""

    minimum_train_images: int = Field(default=100, ge=1, le=1_000_000, description="of each class in train")
    minimum_validation_images: int = Field(default=25, ge=1, le=1_000_000, description="of each class in validation")
    minimum_test_images: int = Field(default=10, ge=1, le=1_000_000, description="of each class in test")
    maximum_train_ratio: float = Field(default=2.0, ge=1, le=1_000, description="largest over smallest class in train")
    maximum_validation_ratio: float = Field(
        default=2.0, ge=1, le=1_000, description="largest over smallest class in validation"
    )
    maximum_test_ratio: float = Field(default=2.0, ge=1, le=1_000, description="largest over smallest class in test")
    profile: ProfileName = Field(
        default="recognise", description="the published counts to compare with; recognise picks them by likeness"
    )


class DataRules(DataLimits):
    """Rules for a manifest; every breach is critical, except of advisory rules and of rules that are `tolerated`."""

    data_format: DataFormat = Field(default=SEED_FORMAT, description="labels, size and colour of the images")
    splits: tuple[str, ...] = Field(default=SPLITS, description="splits that must have images of each class")
    blank_standard_deviation: float = Field(
        default=BLANK_STANDARD_DEVIATION, ge=0, le=128, description="gray levels; at most this makes an image blank"
    )
    tolerated: tuple[RuleName, ...] = Field(default=(), description="rules whose breach is only a warning")
    insisted: tuple[RuleName, ...] = Field(default=(), description="rules whose breach is critical whatever else holds")
    unchecked: tuple[RuleName, ...] = Field(default=(), description="rules that are not looked at")

    def severity_of(self, rule: RuleName) -> Severity:
        """Return how severe a breach of a rule is."""
        if rule in self.insisted:
            return "critical"
        return "warning" if RULES[rule].advisory or rule in self.tolerated else "critical"

    def fill_in(self, text: str, **others: str) -> str:
        """Put bounds, and labels and size of the data set, into the braces of a rule's text."""
        shape = self.data_format
        return text.format(**self.model_dump(), labels=", ".join(shape.labels), size=shape.size, **others)

    def minimum_images(self) -> dict[str, int]:
        """Return how many images of each class each split needs."""
        return {
            "train": self.minimum_train_images,
            "validation": self.minimum_validation_images,
            "test": self.minimum_test_images,
        }

    def maximum_ratios(self) -> dict[str, float]:
        """Return how many times as large as the smallest class the largest may be, by split."""
        return {
            "train": self.maximum_train_ratio,
            "validation": self.maximum_validation_ratio,
            "test": self.maximum_test_ratio,
        }


def published_rules(rules: DataRules, policy: CleaningPolicy) -> DataRules:
    """Return the rules for a data set as published: a breach that cleaning removes is only a warning.

    Args:
        rules: bounds, expectations and what is tolerated anyway.
        policy: what cleaning will set aside. What it keeps is critical if training cannot use it.
    """
    return _tolerate(rules, policy, [rule for rule in RULES.values() if rule.tolerable or _is_cleaned(rule, policy)])


def cleaned_rules(rules: DataRules, policy: CleaningPolicy) -> DataRules:
    """Return the rules for a cleaned data set: what the policy had to set aside and is still there is critical.

    Published counts say nothing about a cleaned set, which is smaller on purpose: no profile applies.

    Args:
        rules: bounds, expectations and what is tolerated anyway.
        policy: what cleaning set aside. What it had to keep is a warning if training can use it.
    """
    kept = [rule for rule in RULES.values() if rule.tolerable and not _is_cleaned(rule, policy)]
    return _tolerate(rules.model_copy(update={"profile": "none"}), policy, kept)


def _tolerate(rules: DataRules, policy: CleaningPolicy, tolerated: list[Rule]) -> DataRules:
    return rules.model_copy(
        update={
            "tolerated": tuple(dict.fromkeys((*rules.tolerated, *(rule.name for rule in tolerated)))),
            "blank_standard_deviation": policy.blank_standard_deviation,
        }
    )


def _is_cleaned(rule: Rule, policy: CleaningPolicy) -> bool:
    return bool(rule.faults) and all(getattr(policy, fault) for fault in rule.faults)
