"""TODO flows/server."""
