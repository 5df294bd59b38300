"""Exports: a network in other formats, with what an answer needs, compared with the network before it is offered.

module | what it answers
bundle | What is in the directory of an export, and may it be used?
find   | Where is the export of a training, or of the champion?
"""
