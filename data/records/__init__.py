"""TODO data/records."""
