"""Steps that several flows share.

module         | what it answers
prepare        | how a source becomes a clean data set
votes_check    | whether a run has the votes of people that it needs
training       | how variants are trained in parallel
trials         | how the trials of a search run
search_budget  | whether a search has time for another trial
publish        | how a run is decided, reported and tracked
photos         | which photos a person means
scoring        | how the workers of Dask score photos
chosen_version | which version of a network a person means
repeat_command | which command line repeats a run
"""
