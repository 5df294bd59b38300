"""Manifest of a data set: one row for each image, with everything that later stages need to know about it.

module            | what it answers
found_format      | which labels, size and colour does a data set have?
table             | which columns does a manifest have, and how is it built, written and read?
measures          | what are the format, the hashes and the statistics of one image?
near_duplicates   | which images show the same picture with different pixels?
hash_neighbours   | which pairs of images have similar perceptual hashes?
compared_pictures | what of a picture is compared, and where is it during the search?
correlation       | which pairs of pictures have similar pixels?
pairs             | when do two images count as the same picture, and how is a pair stored as a number?
face_columns      | which columns has a manifest of images that were cropped from photos?
decoding          | what are the pixels of a file, in gray or colour, and the bits of a perceptual hash?
"""
