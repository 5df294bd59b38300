"""TODO models/evaluation."""
