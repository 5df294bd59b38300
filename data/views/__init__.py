"""TODO data/views."""
