"""TODO data/quality."""
