"""The champion in use: from a photo to an answer, without TensorFlow and without Prefect.

module  | what it answers
answers | what is an answer on a photo, and on each face in it?
"""
