"""Faults of single images, and the words for the images that have them."""

FAULTS = {
    "undecodable": "files that are not a complete JPEG or PNG",
    "no_face": "photos in which no face is found",
    "several_faces": "photos with two or more faces of about one size",
    "small_face": "photos whose face has too few pixels",
    "unknown_folder": "files outside <known split>/<known class>/",
    "wrong_size": "images of another size than the data set's",
    "not_gray": "images with colour in a gray data set",
    "blank": "images of one gray level",
    "no_face_by_votes": "images of which more people saw no face than gave any other answer",
    "label_conflict": "all images whose pixels are found under two or more classes",
    "leaking_train": "train images that are also in validation or test",
    "leaking_validation": "validation images that are also in test",
    "repeated_train": "train images equal to an earlier train image",
    "repeated_held_out": "validation or test images equal to an earlier one of the same split and class",
    "near_leaking_train": "train images that show the same picture as one in validation or test",
    "near_leaking_validation": "validation images that show the same picture as one in test",
    "near_label_conflict": "all images that show a picture that is found under two or more classes",
}
"""Fault of a single image -> the images that have it, in the order in which an image's faults are listed. Images with a
`near_` fault show the same picture with different pixels; finding them needs a manifest with the column `group`."""
