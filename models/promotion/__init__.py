"""TODO models/promotion."""
