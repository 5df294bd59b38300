"""Benchmarks of what the check of a data set finds; each is run by itself, as `python -m benchmarks.cleaning.NAME`.

module                 | what it measures
effect                 | what does cleaning change about a variant's accuracy?
effect_flow            | the flow that trains for `effect`
near_duplicate_quality | how many planted copies does the search find, and how many found pairs are wrong?
near_duplicates        | how do time and memory of the search for candidates grow?
similarity             | how often does the comparison of splits warn, rightly and wrongly?
"""
