"""Tests, in the folders of the rooms that they test; helpers are in `tests.support`."""
