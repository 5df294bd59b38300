"""Table of the rules that a data set has to satisfy.

Derived from it: the form `expectations.policies.RulePolicies`, the switches of `data.quality.cleaning.CleaningPolicy`,
the suite of Great Expectations, the severity and the words of each finding, and the advice and pictures of a report.
A new check of single images is a row here, a line in `data.quality.faults` and one in
`data.quality.cleaning.find_faults`; a new check of a whole data set is a row here and an expectation in
`expectations.suite`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from data.base.data_format import DataFormat
from data.base.parts import SPLITS
from data.manifest.face_columns import SMALLEST_FACE_SIDE
from data.manifest.measures import LARGEST_IMAGE_PIXELS

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
    def needs_faces(self) -> bool:
        """Whether it needs `data.manifest.face_columns`; it is checked only if images were cropped from photos."""
        return bool({"no_face", "several_faces", "small_face"} & set(self.faults))


_SPLITS = ", ".join(SPLITS)
_ACROSS_SPLITS = "Take the copies out of the split that is trained on"
_ACROSS_CLASSES = "Decide on one class for each picture and take out the copies in the other class"

_ROWS = (
    Rule(
        "known_splits",
        "files outside train, validation and test",
        StopOrSetAside,
        "quarantine",
        expected=f"images in the splits {_SPLITS} alone",
        found=(("image", f"outside the splits {_SPLITS}"),),
        faults=("unknown_folder",),
        column="split",
        allowed=SPLITS,
        advice="Move the files into the folders of the known splits, or take them out",
    ),
    Rule(
        "known_labels",
        "files outside the known classes",
        StopOrSetAside,
        "quarantine",
        expected="images in the classes {labels} alone",
        found=(("image", "outside the classes {labels}"),),
        faults=("unknown_folder",),
        column="known_label",
        advice="Move the files into the folders of the known classes, or take them out",
    ),
    Rule(
        "nested_folder",
        "files in folders below that of their class",
        StopOrWarn,
        "warn",
        expected="files directly in the folder of their class",
        found=(("image", "in folders below that of their class"),),
        advice="Move the files up into the folder of their class",
    ),
    Rule(
        "each_class_in_each_split",
        "missing splits and classes",
        StopOrWarn,
        "fail",
        expected="images of each class in each split",
        advice="Check whether the source is complete, and add what is missing",
    ),
    Rule(
        "enough_images",
        "too few images of a class",
        StopOrWarn,
        "fail",
        expected="of each class at least {minimum_train_images} in train, {minimum_validation_images} in validation, "
        "{minimum_test_images} in test",
        advice="Add images of these classes; if cleaning set them aside, repair what the quarantine lists",
    ),
    Rule(
        "class_balance",
        "a class much larger than another",
        StopOrWarn,
        "warn",
        expected="largest over smallest class at most {maximum_train_ratio:g} in train, "
        "{maximum_validation_ratio:g} in validation, {maximum_test_ratio:g} in test",
        advice="Add images of the smallest class, or take out some of the largest",
    ),
    Rule(
        "expected_counts",
        "counts other than the publication states",
        StopOrWarn,
        "warn",
        expected="the images of {published}",
        advice="Fetch the source again, and check which folder has lost or gained images",
    ),
    Rule(
        "not_an_image",
        "files that are neither JPEG nor PNG inside",
        StopOrSetAside,
        "quarantine",
        expected="JPEG or PNG files alone",
        found=(("file", "without a readable header of a JPEG or PNG"),),
        faults=("undecodable",),
        column="content",
        names_values=False,
        allowed=("an image",),
        advice="Replace the files by JPEG or PNG images, or take them out",
    ),
    Rule(
        "decodable",
        "damaged, cut short or oversized images",
        StopOrSetAside,
        "quarantine",
        expected=f"whole images of at most {LARGEST_IMAGE_PIXELS:,} pixels",
        found=(("image", "that cannot be decoded"),),
        faults=("undecodable",),
        column="whole",
        allowed=("whole",),
        advice="Fetch the source again; replace files that are still damaged",
    ),
    Rule(
        "one_face",
        "photos without a face, or with several",
        StopOrSetAside,
        "quarantine",
        expected="one face a photo, besides much smaller ones",
        found=(("photo", "without a face"), ("photo", "with several faces")),
        faults=("no_face", "several_faces"),
        advice="Replace these photos by some that show one face, or cut each face out by hand",
    ),
    Rule(
        "face_large_enough",
        "photos whose face has too few pixels",
        AnyChoice,
        "quarantine",
        expected=f"faces of at least {SMALLEST_FACE_SIDE} pixels",
        found=(("photo", f"with a face below {SMALLEST_FACE_SIDE} pixels"),),
        faults=("small_face",),
        advice="Use the photos in their full size, or take them out",
    ),
    Rule(
        "image_size",
        "images of another size than the data set's",
        StopOrSetAside,
        "quarantine",
        expected="{size} pixels",
        found=(("image", "in another size than {size} pixels"),),
        faults=("wrong_size",),
        column="size",
        advice="Let the pipeline resize them by the option --image-size, or use the program that made the others",
    ),
    Rule(
        "really_gray",
        "images with colour in a gray data set",
        AnyChoice,
        "quarantine",
        expected="gray images",
        found=(("image", "not to be gray"),),
        faults=("not_gray",),
        column="colour",
        advice="Let the pipeline make them gray by the option --color gray, or keep their colour by --color rgb",
    ),
    Rule(
        "not_blank",
        "images of one gray level",
        AnyChoice,
        "quarantine",
        expected="a standard deviation over {blank_standard_deviation:g} gray levels",
        found=(("image", "to be blank (one gray level)"),),
        faults=("blank",),
        advice="Replace the images by what they should show, or take them out",
    ),
    Rule(
        "no_duplicates_across_splits",
        "equal images in two splits; set aside from the split that is trained on",
        AnyChoice,
        "quarantine",
        expected="no image with equal pixels in two splits",
        found=(("train image", "again in validation or test"), ("validation image", "again in test")),
        faults=("leaking_train", "leaking_validation"),
        counterpart=("pixel_sha256", "split"),
        advice=_ACROSS_SPLITS,
    ),
    Rule(
        "one_label_per_image",
        "equal images under two classes",
        AnyChoice,
        "quarantine",
        expected="no image with equal pixels under two classes",
        found=(("image", "under two or more classes"),),
        faults=("label_conflict",),
        counterpart=("pixel_sha256", "label"),
        advice=_ACROSS_CLASSES,
    ),
    Rule(
        "no_duplicates_within_train",
        "repeated images in train",
        AnyChoice,
        "warn",
        expected="no image with equal pixels twice in train",
        found=(("train image", "equal to an earlier train image"),),
        faults=("repeated_train",),
        counterpart=("pixel_sha256", "path"),
        advice="Take out all but one of each image",
    ),
    Rule(
        "no_duplicates_within_held_out",
        "repeated images in validation or test",
        AnyChoice,
        "warn",
        expected="no image with equal pixels twice in validation, nor twice in test",
        found=(("validation or test image", "equal to an earlier one of the same split"),),
        faults=("repeated_held_out",),
        counterpart=("pixel_sha256", "path"),
        advice="Take out all but one of each image: a repeated one counts twice in every figure",
    ),
    Rule(
        "no_near_duplicates_across_splits",
        "images in two splits that show one picture with different pixels",
        AnyChoice,
        "quarantine",
        expected="no picture in two splits, in whatever pixels",
        found=(
            ("train image", "whose picture stands with other pixels in validation or test"),
            ("validation image", "whose picture stands with other pixels in test"),
        ),
        faults=("near_leaking_train", "near_leaking_validation"),
        counterpart=("group", "split"),
        advice=_ACROSS_SPLITS,
    ),
    Rule(
        "one_label_per_picture",
        "images under two classes that show one picture with different pixels",
        AnyChoice,
        "warn",  # one wrong label would set a dozen copies aside, and the label audit finds the wrong one
        expected="no picture under two classes, in whatever pixels",
        found=(("image", "whose picture stands with other pixels under another class"),),
        faults=("near_label_conflict",),
        counterpart=("group", "label"),
        advice=_ACROSS_CLASSES,
    ),
    Rule(
        "splits_alike",
        "a split that was blurred, rescaled or otherwise treated unlike the others",
        StopOrWarn,
        "fail",
        expected="splits that cannot be told apart by how their images were treated",
        advice="Rebuild all splits from the same originals by the same steps",
    ),
    Rule(
        "similar_to_last",
        "a data set that changed beyond a limit since the last accepted one of its source",
        StopOrWarn,
        "fail",
        advice="Check whether the new version of the data is intended; if it is, run again with the policy "
        "similar_to_last=warn, and the next one is compared with it",
    ),
)

RULES = {rule.name: rule for rule in _ROWS}
"""Rule by name, in the order of the findings: where files are, the counts, the files and images, two sets compared."""


def allowed_values(rule: Rule, data_format: DataFormat) -> tuple[str, ...]:
    """Return the values that a rule allows in its column for this format; none if it allows all."""
    if rule.name == "known_labels":
        return data_format.labels
    if rule.name == "image_size":
        return () if data_format.resize else (data_format.size,)
    if rule.name == "really_gray":
        return () if data_format.recolor or data_format.channels > 1 else ("gray",)
    return rule.allowed


def choose_switches(choices: Mapping[str, str]) -> dict[str, bool]:
    """Tell for each fault of a rule whether cleaning has to set its images aside.

    Rules that share a fault allow only choices that set its images aside, so it does not matter which rule decides.

    Args:
        choices: rule -> choice.
    """
    return {fault: choices[rule.name] in ("fail", "quarantine") for rule in RULES.values() for fault in rule.faults}
