"""The report of one run.

page            | which files a report has, and what is on its page
markdown        | how the report reads as Markdown
contents        | which sections a report has, in order
sections        | what each section shows
sources         | which files a report is drawn from beside its results
summary         | how variants rank, the answer in sentences, and the cautions
seed_spreads    | how much the accuracy varies over seeds
slices          | on which slices of validation the best variant is worse
comparison_csv  | every figure of every variant, unrounded
"""
