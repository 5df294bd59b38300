"""TODO reports/site."""
