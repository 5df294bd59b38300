"""TODO models/catalog."""
