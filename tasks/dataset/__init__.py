"""TODO tasks/dataset."""
