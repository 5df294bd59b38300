"""Module names of the child commands, which the parent starts with `python -m` and never imports."""

FIT = "models.training.fit"
ENSEMBLE = "models.training.ensemble"
DISTILL = "models.training.distill"
RESCORE = "models.training.rescore"
TRACKING = "models.registry.tracking"
