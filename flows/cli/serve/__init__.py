"""The command `emotion serve`.

module  | what it answers
command | what are its options, and what does it start?
"""
