"""TODO reports/difference."""
