"""Evaluation of stored predictions: scores, calibration, intervals and tests between variants; no TensorFlow.

predictions | what did a variant answer for each image, and was it right
metrics     | how accurate is one variant on one part of the data
truths      | how often is a variant right by what people chose
judging     | by which labels does a run judge its variants
calibration | do its probabilities match its accuracy, and which temperature improves them
intervals   | how uncertain is a proportion
paired      | is one variant better than another on the same images, and how certain is that
skill       | does a variant know enough that a label which it contradicts is suspect
comparison  | how do the variants of one run rank against the best
"""
