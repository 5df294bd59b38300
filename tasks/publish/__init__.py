"""TODO tasks/publish."""
