"""Benchmarks of labels; each is run by itself, as `python -m benchmarks.labels.NAME`.

module        | what it measures
audit_quality | how many suspects of the label audit would the crowd relabel? a row of `make bench`
clicks        | writes the labels that a person would correct first, as relabel.csv files that `trainings` trains on
judging       | accuracies of finished trainings by published label, by the crowd's choice, and where the crowd is clear
limits        | how far do people agree with each other, and what does a rare class cost?
trainings     | what do trainings on published labels, on the crowd's choice and on its votes give?
"""
