"""Judgement of a data set: the rules that it must satisfy before a model is trained on it.

module              | what it answers
policies            | what is done about a breach of each rule?
rules               | which bounds hold, and how severe is a breach of each rule?
counts              | how many images does a data set have, and how many does its publication state?
custom_expectations | which checks does Great Expectations not have?
suite               | which expectation checks which rule?
run_suite           | what does the suite find in a manifest?
data_docs           | how are Great Expectations' own pages written and pruned?
format_advice       | which options does a data set of another format need?
judge               | is a data set accepted, and which images are used?
wording             | how are findings put into words?

The table of rules is `data.quality.rules`, since cleaning and reports read it too.
"""
