"""A search as it is stored, of given trials."""

from data.records.search import SearchRecord, TrialOutcome, TrialRecord


def make_search(*trials: tuple[str, float | None, str]) -> SearchRecord:
    """Return a search of these trials, each with its state, accuracy (0..1) and the key of its training."""
    outcomes = [TrialOutcome.model_validate({"state": s, "accuracy": a, "training": t}) for s, a, t in trials]
    return SearchRecord(
        study="s",
        variant="compact",
        preset="quick",
        trial_minutes=1,
        searched=(),
        synthetic=True,
        selection_images=10,
        trials=tuple(TrialRecord(number=n, recipe={}, outcome=outcome) for n, outcome in enumerate(outcomes)),
    )
