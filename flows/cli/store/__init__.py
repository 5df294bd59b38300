"""The command `emotion store`.

module   | what it answers
commands | which commands does it have, and what do they print?
"""
