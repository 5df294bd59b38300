"""Sentences and rows on a hyper-parameter search, without a figure of validation or test."""

from data.records.search import TRIAL_STATES, SearchRecord, TrialRecord
from reports.common.formatting import MISSING, join_names, percent, plural

SHORT_FIELDS = {
    "learning_rate": "rate",
    "weight_decay": "decay",
    "label_smoothing": "smoothing",
    "warmup_fraction": "warm-up",
    "batch_size": "batch",
}


def search_sentences(search: SearchRecord) -> list[str]:
    """Tell what a search did, which trial won, and how far to trust the result."""
    counts = {state: sum(trial.outcome.state == state for trial in search.trials) for state in TRIAL_STATES}
    told = join_names([f"{count} {state}" for state, count in counts.items() if count] or ["none"])
    said = [
        f"{plural(len(search.trials), 'trial')} of {search.variant}, {search.trial_minutes:g} minutes each at most: "
        f"{told}. So {plural(search.looks, 'recipe')} looked at the {search.selection_images:,} selection images."
    ]
    if search.winner:
        said.append(
            f"Trial {search.winner.number} has the highest selection accuracy, {_accuracy(search.winner)}. That figure "
            f"flatters it: these images chose it out of {search.looks}. Validation, which chose nothing here, measures "
            "it."
        )
    if search.synthetic:
        said.append("Synthetic data: a recipe found on it says nothing of real faces.")
    return said


def search_description(search: SearchRecord) -> str:
    """Return the description of a found preset: one sentence on the search that found it."""
    return (
        f"{search.variant} by trial {search.winner.number if search.winner else MISSING} of a search of "
        f"{len(search.trials)} trials of {search.trial_minutes:g} minutes, {search.looks} looks at selection, "
        f"from preset {search.preset}"
    )


def trial_rows(search: SearchRecord) -> list[dict[str, str]]:
    """List the trials as rows, best first: state, selection accuracy, epochs, and the searched settings."""
    return [_row(trial, search.searched) for trial in search.ranking]


def _row(trial: TrialRecord, searched: tuple[str, ...]) -> dict[str, str]:
    outcome = trial.outcome
    return {
        "trial": str(trial.number),
        "state": outcome.state,
        "selection": _accuracy(trial),
        "epochs": str(outcome.epochs),
        **{SHORT_FIELDS.get(name, name): _cell(trial.recipe[name]) for name in searched},
    }


def _accuracy(trial: TrialRecord) -> str:
    return MISSING if trial.outcome.accuracy is None else percent(trial.outcome.accuracy)


def _cell(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, int | float) else value
