"""TODO models/weights."""
