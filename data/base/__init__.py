"""Foundations that every other module may import; they import nothing of the project.

module   | what it answers
errors   | which errors does the pipeline raise, and who handles them?
labels   | what are the classes, the splits, the parts and the image size?
markdown | how is a table written as Markdown?
names    | which split or class does a folder's name mean?
paths    | where are the project's files?
record   | what is a stored record, and how is a validation error shown?
times    | how is a stored time compared with another?
"""
