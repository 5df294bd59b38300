"""Suite of expectations that a manifest is validated with: one for each rule of `data.quality.rules`.

Importing this module imports great_expectations, which takes seconds: import it inside a function. Each expectation
has under `meta` the name of its rule and what the rule expects, in words.
"""

from typing import Any

import pandas as pd
from great_expectations import ExpectationSuite
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.expectation import Expectation

from data.base.data_format import DataFormat
from data.base.parts import SPLITS
from data.manifest.measures import LARGEST_IMAGE_PIXELS
from data.quality.rule import Rule
from data.quality.rules import RULES, allowed_values
from expectations.counts import Counts, choose_profile
from expectations.custom_expectations import (
    ExpectBalancedClasses,
    ExpectEachClassInEachSplit,
    ExpectEnoughImages,
    ExpectNoImagesWithFaults,
    ExpectPublishedCounts,
)
from expectations.rules import DataRules

FOLDERS = 2
"""An image lies in the folder of its split and that of its class."""


def build_suite(rules: DataRules, published_counts: Counts) -> ExpectationSuite:
    """Build the suite for these rules, to be run on the frame of `prepare_frame`.

    Args:
        rules: bounds and severities; what it leaves unchecked is not in the suite.
        published_counts: split -> class -> files, before labels were corrected; compared with what a publication
            states if the rules' profile names or recognises one.
    """
    checked = [rule for rule in RULES.values() if rule.name not in rules.unchecked]
    expectations = [made for rule in checked for made in _make_expectations(rule, rules, published_counts)]
    return ExpectationSuite(name="manifest", expectations=expectations)


def prepare_frame(manifest: pd.DataFrame, data_format: DataFormat) -> pd.DataFrame:
    """Add the columns that the suite checks, as text; null if a rule does not apply: expectations skip null values.

    So a file breaks only the first rule that it does not meet: the class of a file in an unknown split is not checked,
    nor whether a text file is whole, nor the size and colour of a damaged image.
    """
    known_split = manifest["split"].isin(SPLITS)
    known_folder = known_split & manifest["label"].isin(data_format.labels)
    image, decodable = manifest["format"] != "", manifest["decodable"]
    too_large = manifest["width"] * manifest["height"] > LARGEST_IMAGE_PIXELS
    size = manifest["width"].astype("str") + "x" + manifest["height"].astype("str")
    return manifest.assign(
        known_label=manifest["label"].where(known_split),
        folders=manifest["path"].str.count("/").where(known_folder).astype("Float64"),
        content=image.map({True: "an image", False: "something else"}),
        whole=decodable.map({True: "whole", False: "damaged or cut short"}).mask(too_large, "too large").where(image),
        size=size.where(decodable),
        colour=manifest["gray"].map({True: "gray", False: "colour"}).where(decodable),
    )


def _make_expectations(rule: Rule, rules: DataRules, published_counts: Counts) -> list[Expectation]:
    """Make the expectation of a rule; none if it is checked elsewhere, or if no publication states counts."""
    about = _about(rule, rules)
    labels = rules.data_format.labels
    if allowed := allowed_values(rule, rules.data_format):
        return [ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(allowed), **about)]
    match rule.name:
        case "nested_folder":
            return [ExpectColumnValuesToBeBetween(column="folders", max_value=FOLDERS, **about)]
        case "not_blank":
            bounds = {"min_value": rules.blank_standard_deviation, "strict_min": True}
            return [ExpectColumnValuesToBeBetween(column="standard_deviation", **bounds, **about)]
        case "each_class_in_each_split":
            return [ExpectEachClassInEachSplit(splits=rules.splits, labels=labels, **about)]
        case "enough_images":
            return [ExpectEnoughImages(minimum_images=rules.minimum_images(), labels=labels, **about)]
        case "class_balance":
            return [ExpectBalancedClasses(labels=labels, maximum_ratios=rules.maximum_ratios(), **about)]
        case "expected_counts":
            return _expect_published_counts(rule, rules, published_counts)
    return (
        [ExpectNoImagesWithFaults(rule=rule.name, rules=rules.model_dump(mode="json"), **about)] if rule.faults else []
    )


def _expect_published_counts(rule: Rule, rules: DataRules, published_counts: Counts) -> list[Expectation]:
    expected = choose_profile(rules.profile, published_counts)
    if expected is None:
        return []
    totals = ", ".join(f"{images:,} in {split}" for split, images in expected.total_images().items())
    within = f", each class within {expected.tolerance:.1%}" if expected.tolerance else ""
    about = _about(rule, rules, f"{expected.name}: {totals}{within}")
    stated = expected.model_dump()
    return [ExpectPublishedCounts(expected_counts=stated, published_counts=published_counts, **about)]


def _about(rule: Rule, rules: DataRules, published: str = "") -> dict[str, Any]:
    """Return the severity, the description and the `meta` of a rule's expectation.

    Args:
        rule: what the expectation checks.
        rules: severities, and the bounds that the description names.
        published: the publication and its counts, for the rule that compares with them.
    """
    expected = rules.fill_in(rule.expected, published=published)
    meta = {"rule": rule.name, "expected": expected}
    return {"severity": rules.severity_of(rule.name), "description": expected, "meta": meta}
