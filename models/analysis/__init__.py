"""Analyses of stored predictions for the report of a run, and the audit of labels.

analyse         | all analyses of one run in one call
confusions      | which classes and images does a variant confuse
slices          | how accurate is it on dark, flat, soft or repeated images
rejection       | which answers are certain enough to be accepted
questions       | what do the pairs of variants that were named beforehand show
run_difference  | what changed between two runs
label_audit     | which labels are probably wrong
label_doubts    | how far is each label to be doubted, and how many of the suspects are expected to be wrong
label_posterior | which class is likely, from what a network says and from how labels go wrong
label_sample    | the random sample of labels that a person judges
cross_fit       | folds, so that no network judges an image that it saw
"""
