"""Flows: the wiring of tasks into the story of one run, and the `emotion` command."""
