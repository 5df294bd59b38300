"""The rules that a data set has to satisfy, and how severe a breach of each is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data.clean import BLANK_STANDARD_DEVIATION, CleaningPolicy
from data.records import Severity

MendableRule = Literal[
    "known_splits",
    "known_labels",
    "decodable",
    "image_size",
    "really_gray",
    "not_blank",
    "no_duplicates_across_splits",
    "one_label_per_image",
]
"""Rules that a single image breaks: cleaning mends them by setting it aside."""

RuleName = MendableRule | Literal["each_class_in_each_split", "enough_images", "class_balance"]

FAULTS_BEHIND: dict[MendableRule, tuple[str, ...]] = {
    "known_splits": ("unknown_folder",),
    "known_labels": ("unknown_folder",),
    "decodable": ("undecodable",),
    "image_size": ("wrong_size",),
    "really_gray": ("not_gray",),
    "not_blank": ("blank",),
    "no_duplicates_across_splits": ("leaking_train", "leaking_validation"),
    "one_label_per_image": ("label_conflict",),
}
"""The faults of `data.clean.FAULTS` that break a rule."""

TOLERABLE: tuple[MendableRule, ...] = ("really_gray", "not_blank", "no_duplicates_across_splits", "one_label_per_image")
"""Rules that training can go on without, at the price of less trustworthy figures."""


class DataRules(BaseModel):
    """What a manifest has to satisfy; every breach is critical, save class balance and what is `tolerated`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_train_images: int = Field(default=100, ge=1, description="of each class in train")
    minimum_validation_images: int = Field(default=25, ge=1, description="of each class in validation")
    minimum_test_images: int = Field(default=10, ge=1, description="of each class in test")
    maximum_class_ratio: float = Field(
        default=2.0, ge=1, description="largest over smallest class within a split; more is a warning"
    )
    blank_standard_deviation: float = Field(
        default=BLANK_STANDARD_DEVIATION, ge=0, le=128, description="gray levels; at most this makes an image blank"
    )
    tolerated: tuple[MendableRule, ...] = Field(default=(), description="rules whose breach is only a warning")

    def severity_of(self, rule: RuleName) -> Severity:
        """Return how severe a breach of a rule is."""
        return "warning" if rule == "class_balance" or rule in self.tolerated else "critical"

    def minimum_images(self) -> dict[str, int]:
        """Return how many images of each class each split needs."""
        return {
            "train": self.minimum_train_images,
            "validation": self.minimum_validation_images,
            "test": self.minimum_test_images,
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

    Args:
        rules: bounds, expectations and what is tolerated anyway.
        policy: what cleaning set aside. What it was told to leave in is a warning where training can work with it.
    """
    return _tolerate(rules, policy, tuple(rule for rule in TOLERABLE if not _is_mended(rule, policy)))


def _tolerate(rules: DataRules, policy: CleaningPolicy, tolerated: tuple[MendableRule, ...]) -> DataRules:
    return rules.model_copy(
        update={
            "tolerated": tuple(dict.fromkeys((*rules.tolerated, *tolerated))),
            "blank_standard_deviation": policy.blank_standard_deviation,
        }
    )


def _is_mended(rule: MendableRule, policy: CleaningPolicy) -> bool:
    return all(getattr(policy, fault) for fault in FAULTS_BEHIND[rule])
