"""What is done about a breach of each rule, as one form of choices."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data.quality.cleaning import CleaningPolicy
from expectations.rules import FAULTS_BEHIND, DataRules

Necessary = Literal["fail", "quarantine"]
"""Choices for what training cannot work with: stop the run, or set the images aside."""

Mendable = Literal["fail", "quarantine", "warn", "off"]
"""Choices for what training can work with at a price: also keep the images, with or without saying so."""

Judged = Literal["fail", "warn", "off"]
"""Choices for what setting single images aside does not mend."""


RULE_ON_CHANGE = "similar_to_last"
"""The rule that compares two data sets, and is not asked of one alone."""


class RulePolicies(BaseModel):
    """What is done where a rule is broken: stop the run, set the images aside, say so, or do not look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_splits: Necessary = Field(default="quarantine", description="files outside train, validation and test")
    known_labels: Necessary = Field(default="quarantine", description="files outside the four classes")
    nested_folder: Judged = Field(default="warn", description="files in folders below that of their class")
    not_an_image: Necessary = Field(default="quarantine", description="files that are neither JPEG nor PNG inside")
    decodable: Necessary = Field(default="quarantine", description="damaged, cut short or oversized images")
    image_size: Necessary = Field(default="quarantine", description="images of another size than 48x48")
    really_gray: Mendable = Field(default="quarantine", description="images with colour or more than 8 bits a pixel")
    not_blank: Mendable = Field(default="quarantine", description="images of one gray level")
    no_duplicates_across_splits: Mendable = Field(
        default="quarantine", description="equal images in two splits; set aside from the split that is trained on"
    )
    one_label_per_image: Mendable = Field(default="quarantine", description="equal images under two classes")
    no_duplicates_within_train: Mendable = Field(default="warn", description="repeated images in train")
    no_near_duplicates_across_splits: Mendable = Field(
        default="quarantine", description="images in two splits that show one picture with different pixels"
    )
    one_label_per_picture: Mendable = Field(
        default="warn", description="images under two classes that show one picture with different pixels"
    )
    each_class_in_each_split: Judged = Field(default="fail", description="missing splits and classes")
    enough_images: Judged = Field(default="fail", description="too few images of a class")
    class_balance: Judged = Field(default="warn", description="a class much larger than another")
    expected_counts: Judged = Field(default="warn", description="counts other than the publication states")
    splits_alike: Judged = Field(
        default="fail", description="a split that was blurred, rescaled or otherwise treated unlike the others"
    )
    similar_to_last: Judged = Field(
        default="fail", description="a data set that changed beyond a limit since the last accepted one of its source"
    )


def policies_to_rules(
    policies: RulePolicies, rules: DataRules = DataRules(), cleaning: CleaningPolicy = CleaningPolicy()
) -> tuple[DataRules, CleaningPolicy]:
    """Return the rules and the cleaning policy that carry out these choices.

    Args:
        policies: one choice a rule.
        rules: bounds and profile; what it tolerates, insists on and leaves unchecked is replaced.
        cleaning: its threshold, and the switches of faults that no rule names; the other switches are replaced.

    Returns:
        Rules and policy for `expectations.judge.judge_data_set`. A rule set to fail keeps its switch on: the run
        stops on the data as published, and the verdict after cleaning shows what setting aside would have left.
    """
    chosen = policies.model_dump(exclude={RULE_ON_CHANGE})
    # Rules that share a fault are all necessary ones, for which it is switched on with either choice.
    switches = {
        fault: chosen[rule] in ("fail", "quarantine") for rule, faults in FAULTS_BEHIND.items() for fault in faults
    }
    choices = {
        "tolerated": tuple(rule for rule, choice in chosen.items() if choice == "warn"),
        "insisted": tuple(rule for rule, choice in chosen.items() if choice == "fail"),
        "unchecked": tuple(rule for rule, choice in chosen.items() if choice == "off"),
    }
    return rules.model_copy(update=choices), cleaning.model_copy(update=switches)
