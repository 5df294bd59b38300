"""Models: the table of variants, their training and evaluation, and the statistics of comparison."""
