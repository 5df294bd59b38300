"""Table of the rules that a data set has to satisfy.

Derived from it: the form `expectations.policies.RulePolicies`, the switches of `data.quality.cleaning.CleaningPolicy`,
the suite of Great Expectations, the severity and the words of each finding, and the advice and pictures of a report.
A new check of single images is a row here, a line in `data.quality.faults` and one in
`data.quality.cleaning.find_faults`; a new check of a whole data set is a row here and an expectation in
`expectations.suite`.
"""

from collections.abc import Mapping

from data.base.data_format import DataFormat
from data.base.parts import SPLITS
from data.manifest.face_columns import SMALLEST_FACE_SIDE
from data.manifest.measures import LARGEST_IMAGE_PIXELS
from data.quality.rule import AnyChoice, Rule, StopOrSetAside, StopOrWarn

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
        "no_face_by_votes",
        "images in which most people who voted saw no face",
        AnyChoice,
        "quarantine",
        expected="images in which people see a face",
        found=(("image", "in which most people saw no face"),),
        faults=("no_face_by_votes",),
        advice="Take these images out, or correct the votes",
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
