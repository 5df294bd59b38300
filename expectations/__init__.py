"""Expectations: what a data set must satisfy before anything is trained on it."""
