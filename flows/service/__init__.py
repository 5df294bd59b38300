"""TODO flows/service."""
