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

from data.base.labels import CLASSES, IMAGE_SIZE, SPLITS
from data.manifest.measures import LARGEST_IMAGE_PIXELS
from expectations.counts import Counts, choose_profile
from expectations.custom_expectations import (
    ExpectBalancedClasses,
    ExpectEachClassInEachSplit,
    ExpectEnoughImages,
    ExpectNoImagesWithFaults,
    ExpectPublishedCounts,
)
from expectations.rules import DataRules, RuleName

FOLDERS = 2
"""An image lies in the folder of its split and that of its class."""


def build_suite(rules: DataRules, published_counts: Counts) -> ExpectationSuite:
    """Return the suite for these rules, to be run on the frame of `prepare_frame`.

    Args:
        rules: bounds and severities; what it leaves unchecked is not in the suite.
        published_counts: split -> class -> files, before labels were corrected; compared with what a publication
            states where the rules' profile names or recognises one.
    """
    every = [
        *_folder_rules(rules),
        *_count_rules(rules),
        *_published_counts(rules, published_counts),
        *_file_rules(rules),
        *_image_rules(rules),
        *_copy_rules(rules),
    ]
    checked = [expectation for expectation in every if (expectation.meta or {})["rule"] not in rules.unchecked]
    return ExpectationSuite(name="manifest", expectations=checked)


def prepare_frame(manifest: pd.DataFrame) -> pd.DataFrame:
    """Add what the suite asks about, as text, null where a rule does not apply: expectations skip null values.

    So a file breaks the first rule that it is no match for, and not also those behind it: what lies in an unknown split
    is not asked for its class, a text file not for being whole, a damaged image not for its size and colour.
    """
    known_split = manifest["split"].isin(SPLITS)
    known_folder = known_split & manifest["label"].isin(CLASSES)
    image, decodable = manifest["format"] != "", manifest["decodable"]
    too_large = manifest["width"] * manifest["height"] > LARGEST_IMAGE_PIXELS
    many_bits = manifest["mode"].str.startswith(("I", "F"))
    size = manifest["width"].astype("str") + "x" + manifest["height"].astype("str")
    return manifest.assign(
        known_label=manifest["label"].where(known_split),
        folders=manifest["path"].str.count("/").where(known_folder).astype("Float64"),
        content=image.map({True: "an image", False: "something else"}),
        whole=decodable.map({True: "whole", False: "damaged or cut short"}).mask(too_large, "too large").where(image),
        size=size.where(decodable),
        colour=manifest["gray"]
        .map({True: "gray", False: "colour"})
        .mask(many_bits, "16 bits or more")
        .where(decodable),
    )


def _folder_rules(rules: DataRules) -> list[Expectation]:
    return [
        ExpectColumnValuesToBeInSet(
            column="split",
            value_set=list(SPLITS),
            **_about(
                rules,
                "known_splits",
                f"images in the splits {', '.join(SPLITS)} alone",
                f"outside the splits {', '.join(SPLITS)}",
                names_values=True,
            ),
        ),
        ExpectColumnValuesToBeInSet(
            column="known_label",
            value_set=list(CLASSES),
            **_about(
                rules,
                "known_labels",
                f"images in the classes {', '.join(CLASSES)} alone",
                f"outside the classes {', '.join(CLASSES)}",
                names_values=True,
            ),
        ),
        ExpectColumnValuesToBeBetween(
            column="folders",
            max_value=FOLDERS,
            **_about(
                rules,
                "nested_folder",
                "files directly in the folder of their class",
                "in folders below that of their class",
            ),
        ),
    ]


def _count_rules(rules: DataRules) -> list[Expectation]:
    minimum, ratios = rules.minimum_images(), rules.maximum_ratios()
    return [
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
            labels=CLASSES,
            maximum_ratios=ratios,
            **_about(
                rules,
                "class_balance",
                "largest over smallest class at most " + ", ".join(f"{n:g} in {s}" for s, n in ratios.items()),
            ),
        ),
    ]


def _published_counts(rules: DataRules, published_counts: Counts) -> list[Expectation]:
    expected = choose_profile(rules.profile, published_counts)
    if expected is None:
        return []
    totals = ", ".join(f"{images:,} in {split}" for split, images in expected.total_images().items())
    within = f", each class within {expected.tolerance:.1%}" if expected.tolerance else ""
    return [
        ExpectPublishedCounts(
            expected_counts=expected.model_dump(),
            published_counts=published_counts,
            **_about(rules, "expected_counts", f"the images of {expected.name}: {totals}{within}"),
        )
    ]


def _file_rules(rules: DataRules) -> list[Expectation]:
    return [
        ExpectColumnValuesToBeInSet(
            column="content",
            value_set=["an image"],
            **_about(
                rules,
                "not_an_image",
                "JPEG or PNG files alone",
                "without a readable header of a JPEG or PNG",
                noun="file",
            ),
        ),
        ExpectColumnValuesToBeInSet(
            column="whole",
            value_set=["whole"],
            **_about(
                rules,
                "decodable",
                f"whole images of at most {LARGEST_IMAGE_PIXELS:,} pixels",
                "that cannot be decoded",
                names_values=True,
            ),
        ),
    ]


def _image_rules(rules: DataRules) -> list[Expectation]:
    size, flat = f"{IMAGE_SIZE}x{IMAGE_SIZE}", rules.blank_standard_deviation
    return [
        ExpectColumnValuesToBeInSet(
            column="size",
            value_set=[size],
            **_about(rules, "image_size", f"{size} pixels", f"in another size than {size} pixels", names_values=True),
        ),
        ExpectColumnValuesToBeInSet(
            column="colour",
            value_set=["gray"],
            **_about(rules, "really_gray", "8-bit gray images", "not to be 8-bit gray", names_values=True),
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
        ExpectNoImagesWithFaults(
            faults=("repeated_train",),
            **_about(rules, "no_duplicates_within_train", "no image with equal pixels twice in train"),
        ),
        ExpectNoImagesWithFaults(
            faults=("near_leaking_train", "near_leaking_validation"),
            **_about(rules, "no_near_duplicates_across_splits", "no picture in two splits, in whatever pixels"),
        ),
        ExpectNoImagesWithFaults(
            faults=("near_label_conflict",),
            **_about(rules, "one_label_per_picture", "no picture under two classes, in whatever pixels"),
        ),
    ]


def _about(
    rules: DataRules, rule: RuleName, expected: str, phrase: str = "", names_values: bool = False, noun: str = "image"
) -> dict[str, Any]:
    """Return what all expectations are given: severity, a description, and what findings are worded with.

    Args:
        rules: tells the severity.
        rule: what the expectation checks.
        expected: what it asks for, in words.
        phrase: how offending images are spoken of.
        names_values: the offending values, such as sizes, are named after the phrase.
        noun: what an offender is called.
    """
    meta = {"rule": rule, "expected": expected, "phrase": phrase, "names_values": names_values, "noun": noun}
    return {"severity": rules.severity_of(rule), "description": expected, "meta": meta}
