"""TODO models/training."""
