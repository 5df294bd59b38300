"""Scores of a source of photos, in parts that a kill cannot spoil: `python -m serving.score SPEC`.

module   | what it answers
__main__ | how is the command started, and what does it report?
run      | how is everything that is new scored, once?
files    | which photos has a source, and did one change?
blocks   | how do other processes or hosts score photos?
parts    | how is a batch of answers kept, and which photos have one?
merge    | what are all parts together, as one table?
summary  | what are the scores together, and which of them are new?
counts   | how many photos and faces have which outcome and class?
drift    | do the faces look as those that the network was trained on?
"""
