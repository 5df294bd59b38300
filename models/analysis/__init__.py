"""TODO models/analysis."""
