"""TODO reports/run."""
