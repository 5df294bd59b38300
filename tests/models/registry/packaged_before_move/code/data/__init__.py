"""Data: from a source to a clean manifest and TFRecords, and the workspace that keeps every stage."""
