"""The rules that a data set has to satisfy, and how severe a breach of each is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data.quality.cleaning import BLANK_STANDARD_DEVIATION, CleaningPolicy
from data.records.dataset import Severity
from expectations.counts import ProfileName

MendableRule = Literal[
    "known_splits",
    "known_labels",
    "not_an_image",
    "decodable",
    "image_size",
    "really_gray",
    "not_blank",
    "no_duplicates_across_splits",
    "one_label_per_image",
    "no_duplicates_within_train",
    "no_near_duplicates_across_splits",
    "one_label_per_picture",
]
"""Rules that a single image breaks: cleaning mends them by setting it aside."""

RuleName = (
    MendableRule
    | Literal[
        "nested_folder",
        "each_class_in_each_split",
        "enough_images",
        "class_balance",
        "expected_counts",
        "splits_alike",
    ]
)

FAULTS_BEHIND: dict[MendableRule, tuple[str, ...]] = {
    "known_splits": ("unknown_folder",),
    "known_labels": ("unknown_folder",),
    "not_an_image": ("undecodable",),
    "decodable": ("undecodable",),
    "image_size": ("wrong_size",),
    "really_gray": ("not_gray",),
    "not_blank": ("blank",),
    "no_duplicates_across_splits": ("leaking_train", "leaking_validation"),
    "one_label_per_image": ("label_conflict",),
    "no_duplicates_within_train": ("repeated_train",),
    "no_near_duplicates_across_splits": ("near_leaking_train", "near_leaking_validation"),
    "one_label_per_picture": ("near_label_conflict",),
}
"""The faults of `data.quality.cleaning.FAULTS` that break a rule."""

TOLERABLE: tuple[MendableRule, ...] = (
    "really_gray",
    "not_blank",
    "no_duplicates_across_splits",
    "one_label_per_image",
    "no_duplicates_within_train",
    "no_near_duplicates_across_splits",
    "one_label_per_picture",
)
"""Rules that training can go on without, at the price of less trustworthy figures."""

NEAR_DUPLICATE_RULES: tuple[RuleName, ...] = ("no_near_duplicates_across_splits", "one_label_per_picture")
"""Rules that ask for the column `group` of `data.manifest.near_duplicates`; without it they are not looked at."""

ADVISORY: tuple[RuleName, ...] = (
    "no_duplicates_within_train",
    "one_label_per_picture",
    "nested_folder",
    "class_balance",
    "expected_counts",
)
"""Rules whose breach is worth knowing, and stops a run only where a policy says so."""


class DataLimits(BaseModel):
    """How many images a data set needs, how unlike its classes may be in size, and which published counts it has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    """What a manifest has to satisfy; every breach is critical, save of `ADVISORY` rules and of what is `tolerated`."""

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
        return "warning" if rule in ADVISORY or rule in self.tolerated else "critical"

    def minimum_images(self) -> dict[str, int]:
        """Return how many images of each class each split needs."""
        return {
            "train": self.minimum_train_images,
            "validation": self.minimum_validation_images,
            "test": self.minimum_test_images,
        }

    def maximum_ratios(self) -> dict[str, float]:
        """Return how many times the smallest class the largest may be, by split."""
        return {
            "train": self.maximum_train_ratio,
            "validation": self.maximum_validation_ratio,
            "test": self.maximum_test_ratio,
        }


def published_rules(rules: DataRules, policy: CleaningPolicy) -> DataRules:
    """Return the rules for a data set as published: what the policy is going to mend is only a warning.

    Args:
        rules: bounds, expectations and what is tolerated anyway.
        policy: what cleaning will set aside. What it leaves in is critical where training cannot work with it.
    """
    return _tolerate(rules, policy, (*(rule for rule in FAULTS_BEHIND if _is_mended(rule, policy)), *TOLERABLE))


def cleaned_rules(rules: DataRules, policy: CleaningPolicy) -> DataRules:
    """Return the rules for a cleaned data set: what the policy was to mend and is still there is critical.

    Published counts say nothing of a cleaned set, which is smaller on purpose: no profile applies.

    Args:
        rules: bounds, expectations and what is tolerated anyway.
        policy: what cleaning set aside. What it was told to leave in is a warning where training can work with it.
    """
    left_in: tuple[MendableRule, ...] = tuple(rule for rule in TOLERABLE if not _is_mended(rule, policy))
    return _tolerate(rules.model_copy(update={"profile": "none"}), policy, left_in)


def _tolerate(rules: DataRules, policy: CleaningPolicy, tolerated: tuple[MendableRule, ...]) -> DataRules:
    return rules.model_copy(
        update={
            "tolerated": tuple(dict.fromkeys((*rules.tolerated, *tolerated))),
            "blank_standard_deviation": policy.blank_standard_deviation,
        }
    )


def _is_mended(rule: MendableRule, policy: CleaningPolicy) -> bool:
    return all(getattr(policy, fault) for fault in FAULTS_BEHIND[rule])
