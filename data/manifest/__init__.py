"""Manifest of a data set: one row for each image, with everything that later stages need to know about it.

module          | what it answers
table           | which columns does a manifest have, and how is it built, written and read?
measures        | what are the format, the hashes and the statistics of one image?
near_duplicates | which images show the same picture with different pixels?
decoding        | what are the gray pixels of a file and the bits of a perceptual hash?
"""
