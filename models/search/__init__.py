"""Hyper-parameter search: the recipes that it may try, and the study that chooses among them.

module | what it answers
space  | Which recipes may a search try?
study  | Which recipe comes next, which trials are stopped early, and what is stored of them?
"""
