"""TODO reports/common."""
