"""Work that is done ahead in threads."""

import threading

import pytest

from data.system.threads import map_ahead


def test_results_are_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def square(number):
        if number == 0:
            assert first_may_end.wait(10)
        if number == 1:
            first_may_end.set()
        return number**2

    assert list(map_ahead(square, range(20), 2)) == [number**2 for number in range(20)]


def test_items_are_taken_as_they_are_needed():
    taken = []
    results = map_ahead(abs, (taken.append(number) or number for number in range(100)), 2, ahead=3)
    assert next(results) == 0
    assert len(taken) == 7
    results.close()


def test_an_error_has_the_turn_of_its_item():
    results = map_ahead(lambda number: 1 // number, [2, 1, 0, 3], 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
