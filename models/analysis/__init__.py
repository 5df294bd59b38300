"""Analyses of stored predictions for the report of a run, and the audit of labels.

analyse         | all analyses of one run in one call
confusions      | which classes and images does a variant confuse
slices          | how accurate is it on dark, flat, soft or repeated images
rejection       | which answers are certain enough to be accepted
questions       | what do the pairs of variants that were named beforehand show
run_difference  | what changed between two runs
cross_fit       | which fold of train does each image belong to
label_sample    | which images does a person judge at random, and what was said about them
label_posterior | which class does an image show, given what networks say and how labels go wrong
label_doubts    | which labels are suspects, and how many of them are expected to be wrong
label_audit     | which labels are probably wrong
"""
