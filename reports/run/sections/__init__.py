"""TODO reports/run/sections."""
