"""Reports: pure functions from stored results to pages that people read.

run         | the report of one run
dataset     | pages on the data
difference  | two runs compared
site        | the index of all reports of a workspace
scores      | the page on scored photos
tuning      | sentences and rows on a hyper-parameter search
common      | what all pages share
"""
