"""TODO data/sample."""
