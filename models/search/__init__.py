"""TODO models/search."""
