"""Interface between parent and child commands: names, specifications, events, plans and checkpoints.

module      | what it answers
checkpoint  | how does a training store its progress, and resume from it?
commands    | which module is which child command?
events      | what can a child tell its parent?
files       | what are the files in the directory of a training called?
plan        | which precision, steps and epochs does a training use?
scoring     | how is the scoring of photos started, and what is asked of it?
specs       | what is a child command asked to do?
"""
