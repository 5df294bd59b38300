"""Agreement of two people against figures from the literature, and the pace of one."""

import pytest

from data.review.agreement import LEAST_SHARED, compare_people, images_per_hour, measure_kappa
from tests.support.review_factory import make_line, picture_name


def answers(choices):
    return {picture_name(place): make_line(picture_name(place), choice) for place, choice in enumerate(choices)}


def test_kappa_of_a_worked_example():
    # Both yes 20, both no 15, first alone yes 5, second alone yes 10: 0.7 observed, 0.5 expected by chance.
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert measure_kappa(pairs) == pytest.approx(0.4)


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
