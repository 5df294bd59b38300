"""TODO models/networks."""
