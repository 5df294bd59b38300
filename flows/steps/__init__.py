"""TODO flows/steps."""
