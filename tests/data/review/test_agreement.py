"""Agreement of two people against figures from the literature, and the pace of one."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from data.review.agreement import LEAST_SHARED, compare_people, images_per_hour, measure_kappa
from tests.support.review_factory import make_line, picture_name


def answers(choices):
    return {picture_name(place): make_line(picture_name(place), choice) for place, choice in enumerate(choices)}


def test_kappa_of_a_worked_example():
    # Both yes 20, both no 15, first alone yes 5, second alone yes 10: 0.7 observed, 0.5 expected by chance.
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert measure_kappa(pairs) == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed):
    drawn = np.random.default_rng(seed).choice(["happy", "sad", "other", "unknown"], (60, 2), p=[0.5, 0.3, 0.1, 0.1])
    expected = cohen_kappa_score(drawn[:, 0], drawn[:, 1])
    assert measure_kappa([(str(one), str(other)) for one, other in drawn]) == pytest.approx(expected)


def test_people_are_compared_on_the_pictures_that_both_answered():
    people = {"anna": answers(["sad"] * 6 + ["happy"] * 6), "ben": answers(["sad"] * 6 + ["happy"] * 4)}
    (found,) = compare_people(people)
    assert (found.one, found.other, found.shared, found.agreed, found.kappa) == ("anna", "ben", 10, 10, 1.0)


def test_few_shared_pictures_show_nothing_and_one_answer_to_all_has_no_kappa():
    few = ["sad"] * (LEAST_SHARED - 1)
    assert compare_people({"anna": answers(few), "ben": answers(few)}) == ()
    (found,) = compare_people({"anna": answers(["sad"] * 12), "ben": answers(["sad"] * 12)})
    assert (found.agreed, found.kappa) == (12, None)


def test_imported_votes_that_are_tied_are_left_out():
    tied = {
        picture: line.model_copy(update={"votes": {"sad": 1, "happy": 1}})
        for picture, line in answers(["sad"] * 12).items()
    }
    assert compare_people({"anna": answers(["sad"] * 12), "crowd": tied}) == ()


def test_the_pace_leaves_pauses_and_imports_out():
    def at(minute, second, **changes):
        return make_line(
            picture_name(60 * minute + second), "sad", f"2026-01-05T10:{minute:02}:{second:02}+00:00", **changes
        )

    lines = [at(0, 0), at(0, 3), at(0, 6), at(30, 0), at(30, 3)]
    assert images_per_hour(lines) == pytest.approx(1200)
    assert images_per_hour([*lines, at(40, 0, origin="import"), at(40, 1, origin="import")]) == pytest.approx(1200)
    assert images_per_hour(lines[:1]) is None


def test_answers_that_waited_in_the_browser_count_with_the_time_for_which_they_were_looked_at():
    lines = [
        make_line(picture_name(place), "sad", f"2026-01-05T10:00:00.{place:03}+00:00", seconds=3.0)
        for place in range(40)
    ]
    assert images_per_hour(lines) == pytest.approx(1200)
