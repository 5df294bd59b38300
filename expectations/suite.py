"""The suite of expectations that a manifest is validated with.

Importing this module imports great_expectations, which takes seconds: import it inside a function. Every expectation
says under `meta` which rule it is, what it expects in words, and how its offenders are spoken of.
"""

from typing import Any

import pandas as pd
from great_expectations import ExpectationSuite
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.expectation import Expectation

from data.classes import CLASSES, IMAGE_SIZE, SPLITS
from expectations.custom import (
    ExpectBalancedClasses,
    ExpectEachClassInEachSplit,
    ExpectEnoughImages,
    ExpectNoImagesWithFaults,
)
from expectations.rules import DataRules, RuleName


def build_suite(rules: DataRules) -> ExpectationSuite:
    """Return the suite for these rules, to be run on the frame of `prepare_frame`."""
    return ExpectationSuite(
        name="manifest", expectations=[*_folder_rules(rules), *_image_rules(rules), *_copy_rules(rules)]
    )


def prepare_frame(manifest: pd.DataFrame) -> pd.DataFrame:
    """Add what the suite asks about: `size` and `colour` as text, null where an image cannot be decoded.

    An undecodable file breaks the rule `decodable` and no other: expectations skip null values.
    """
    size = manifest["width"].astype("str") + "x" + manifest["height"].astype("str")
    colour = manifest["gray"].map({True: "gray", False: "colour"})
    decodable = manifest["decodable"]
    return manifest.assign(size=size.where(decodable), colour=colour.where(decodable))


def _folder_rules(rules: DataRules) -> list[Expectation]:
    minimum = rules.minimum_images()
    return [
        ExpectColumnValuesToBeInSet(
            column="split",
            value_set=list(SPLITS),
            **_about(
                rules,
                "known_splits",
                f"images in the splits {', '.join(SPLITS)} alone",
                f"outside the splits {', '.join(SPLITS)}",
            ),
        ),
        ExpectColumnValuesToBeInSet(
            column="label",
            value_set=list(CLASSES),
            **_about(
                rules,
                "known_labels",
                f"images in the classes {', '.join(CLASSES)} alone",
                f"outside the classes {', '.join(CLASSES)}",
            ),
        ),
        ExpectEachClassInEachSplit(
            splits=SPLITS,
            labels=CLASSES,
            **_about(rules, "each_class_in_each_split", "images of each class in each split"),
        ),
        ExpectEnoughImages(
            minimum_images=minimum,
            labels=CLASSES,
            **_about(
                rules, "enough_images", "of each class at least " + ", ".join(f"{n} in {s}" for s, n in minimum.items())
            ),
        ),
        ExpectBalancedClasses(
            splits=SPLITS,
            labels=CLASSES,
            maximum_ratio=rules.maximum_class_ratio,
            **_about(rules, "class_balance", f"largest class at most {rules.maximum_class_ratio:g} times the smallest"),
        ),
    ]


def _image_rules(rules: DataRules) -> list[Expectation]:
    size, flat = f"{IMAGE_SIZE}x{IMAGE_SIZE}", rules.blank_standard_deviation
    return [
        ExpectColumnValuesToBeInSet(
            column="decodable",
            value_set=[True],
            **_about(rules, "decodable", "whole JPEG or PNG files", "that cannot be decoded"),
        ),
        ExpectColumnValuesToBeInSet(
            column="size",
            value_set=[size],
            **_about(rules, "image_size", f"{size} pixels", f"in another size than {size} pixels"),
        ),
        ExpectColumnValuesToBeInSet(
            column="colour",
            value_set=["gray"],
            **_about(rules, "really_gray", "8-bit gray images", "with colour or more than 8 bits a pixel"),
        ),
        ExpectColumnValuesToBeBetween(
            column="standard_deviation",
            min_value=flat,
            strict_min=True,
            **_about(
                rules, "not_blank", f"a standard deviation over {flat:g} gray levels", "to be blank (one gray level)"
            ),
        ),
    ]


def _copy_rules(rules: DataRules) -> list[Expectation]:
    return [
        ExpectNoImagesWithFaults(
            faults=("leaking_train", "leaking_validation"),
            **_about(rules, "no_duplicates_across_splits", "no image with equal pixels in two splits"),
        ),
        ExpectNoImagesWithFaults(
            faults=("label_conflict",),
            **_about(rules, "one_label_per_image", "no image with equal pixels under two classes"),
        ),
    ]


def _about(rules: DataRules, rule: RuleName, expected: str, phrase: str = "") -> dict[str, Any]:
    """Return what all expectations are given: severity, a description, and what findings are worded with."""
    meta = {"rule": rule, "expected": expected, "phrase": phrase}
    return {"severity": rules.severity_of(rule), "description": expected, "meta": meta}
