"""TODO reports/dataset."""
