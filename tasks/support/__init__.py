"""TODO tasks/support."""
