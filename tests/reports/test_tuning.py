"""What is said of a search: the counts, the winner with a warning, and no number of validation or test."""

from data.records.search import SearchRecord, TrialOutcome, TrialRecord
from models.catalog.train_config import TrainConfig
from models.search.space import SEARCHED
from reports.tuning import search_description, search_sentences, trial_rows

RECIPE = TrainConfig(learning_rate=0.0123).model_dump(mode="json")


def make_search(*outcomes: TrialOutcome, synthetic: bool = False) -> SearchRecord:
    return SearchRecord(
        study="0123456789abcdef",
        variant="compact",
        preset="quick",
        trial_minutes=2.5,
        searched=SEARCHED,
        synthetic=synthetic,
        selection_images=1511,
        trials=tuple(TrialRecord(number=n, recipe=RECIPE, outcome=outcome) for n, outcome in enumerate(outcomes)),
    )


FAILED = TrialOutcome(state="failed", reason="got a training loss of nan")
PRUNED = TrialOutcome(state="pruned", accuracy=0.95, epochs=2, reason="below the median")
GOOD = TrialOutcome(state="finished", accuracy=0.71, epochs=9, training="k1")
BETTER = TrialOutcome(state="finished", accuracy=0.74, epochs=9, training="k2")


def test_the_winner_is_finished_and_has_the_highest_accuracy_the_earlier_of_equals():
    search = make_search(FAILED, PRUNED, GOOD, BETTER, BETTER)
    assert search.winner is not None
    assert search.winner.number == 3
    assert [trial.number for trial in search.ranking] == [3, 4, 2, 1, 0]
    assert make_search(FAILED, PRUNED).winner is None


def test_sentences_count_the_looks_and_warn_of_the_winner():
    looked, winner = search_sentences(make_search(FAILED, PRUNED, GOOD, BETTER))
    assert "4 trials of compact, 2.5 minutes each at most: 2 finished, 1 pruned and 1 failed" in looked
    assert "3 recipes looked at the 1,511 selection images" in looked
    assert "Trial 3" in winner and "74.0%" in winner
    assert "flatters" in winner and "out of 3" in winner


def test_a_search_without_a_winner_or_a_trial_has_sentences_too():
    assert len(search_sentences(make_search(FAILED))) == 1
    assert "0 trials" in search_sentences(make_search())[0]


def test_synthetic_data_is_said():
    assert "Synthetic" in search_sentences(make_search(GOOD, synthetic=True))[-1]


def test_rows_show_what_was_searched_best_first():
    best, worst = trial_rows(make_search(FAILED, GOOD))
    assert (best["trial"], best["state"], best["selection"], best["rate"]) == ("1", "finished", "71.0%", "0.0123")
    assert (worst["trial"], worst["selection"]) == ("0", "–")
    assert len(best) == 4 + len(SEARCHED)


def test_a_found_preset_says_where_it_comes_from():
    said = search_description(make_search(GOOD, BETTER))
    assert said == "compact by trial 1 of a search of 2 trials of 2.5 minutes, 2 looks at selection, from preset quick"
