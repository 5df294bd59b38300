"""TODO tasks/training."""
