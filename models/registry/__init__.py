"""TODO models/registry."""
