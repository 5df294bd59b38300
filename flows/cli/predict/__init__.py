"""Command `emotion predict`: the champion on photos.

module    | what it answers
command   | which options are there?
answering | in which order does what happen, and how far is it?
outputs   | where do answers go: table, JSON, CSV and pictures?
rows      | what do the table, the CSV and the summary say on an answer?
"""
