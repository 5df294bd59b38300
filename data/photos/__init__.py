"""Photos: the faces in them, and each face as an image of a data set.

module      | what it answers
found_face  | where is a face in a photo, and how sure is the detector?
reading     | how does a file become upright RGB pixels, and when is it refused?
file_kinds  | of what kind is a file by its first bytes?
detector    | which faces are in a photo?
detections  | how are the rows of the detector moved between pictures, and freed of repeats?
crop        | how does a face become an image of the data format, and can it be scored?
crop_folder | which crop has each photo of a folder?
"""
