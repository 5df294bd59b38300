"""Generated sample: a data set of synthetic faces, so that everything runs without a download.

module    | what it answers
generate  | how many images are there, in which folders, with which faults?
scenes    | which photos do faces at known places give?
faces     | how is one face drawn?
person    | how do people and expressions differ?
occlusion | what covers a part of some faces?
canvas    | on which grid are faces painted?
"""
