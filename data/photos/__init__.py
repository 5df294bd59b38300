"""Photos: the faces in them, and each face as an image of a data set.

module     | what it answers
found_face | where is a face in a photo, and how sure is the detector?
"""
