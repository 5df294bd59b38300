"""Tasks: thin Prefect wrappers that add retries, logs, progress and artifacts to the stages."""
