"""Reports: a pure function of stored results to pages that people read."""
