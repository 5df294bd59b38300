"""Names of the built-in presets; `models.catalog.presets` has what they hold, and takes longer to import."""

PRESET_NAMES = ("smoke", "demo", "quick", "best", "seed")
