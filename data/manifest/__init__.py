"""TODO data/manifest."""
