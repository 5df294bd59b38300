"""TODO data/system."""
