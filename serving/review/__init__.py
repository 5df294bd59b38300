"""The page on which people review labels, and what it asks the server for.

module   | what it answers
app      | which addresses answer, and how?
desk     | what is open for a person, and what happens with an answer?
opinions | what did the networks say on an image?
messages | what do requests and answers look like?
"""
