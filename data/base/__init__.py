"""Foundations that every other module may import; they import nothing of the project.

module        | what it answers
data_format   | which labels, size and colour does a data set have?
errors        | which errors does the pipeline raise, and who handles them?
markdown      | how is a table written as Markdown?
named_formats | which format does a published data set have?
names         | which split or class does a folder's name mean?
parts         | what are the splits of a data set and the parts of a run?
paths         | where are the project's files?
record        | what is a stored record, and how is a validation error shown?
times         | how is a stored time compared with another?
"""
