"""TODO data/base."""
