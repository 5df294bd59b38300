"""TODO data/workspace."""
