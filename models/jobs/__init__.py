"""TODO models/jobs."""
