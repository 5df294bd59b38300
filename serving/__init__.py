"""The champion in use: from a photo to an answer, without TensorFlow and without Prefect.

module    | what it answers
answers   | what is an answer on a photo, and on each face in it?
predictor | what does the network say about photos, in their order?
prepare   | which faces are in a photo, as images that the network takes?
network   | which calibrated probabilities do faces have?
sources   | which photos does a person name?
fetch     | what is at the address of an image?
video     | which frames does a video have?
score     | how is a source of photos scored again and again, into one table?
annotate  | how does a photo with its answers look?
web       | how does the champion answer over HTTP, and what does its page show?
review    | how do people correct labels on a page?
"""

from serving.predictor import Predictor

__all__ = ["Predictor"]
