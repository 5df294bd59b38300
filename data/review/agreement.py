"""Agreement of two people who answered the same images, and the pace of one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from pydantic import Field

from data.base.record import Record
from data.base.times import parse_time
from data.review.answer import Line

LEAST_SHARED = 10
"""Images that two people must share before their agreement is shown: with few, it would tell single answers."""

PAUSE_SECONDS = 60.0
"""A longer time between two answers is a pause, and no part of the pace."""

RECENT_LINES = 100


class Agreement(Record):
    """Agreement of two people."""

    one: str
    other: str
    shared: int = Field(description="pictures that both answered")
    agreed: int = Field(description="pictures on which they gave the same answer")
    kappa: float | None = Field(
        description="Cohen's kappa, at most 1: 0 is what chance gives; None if both gave one and the same answer to all"
    )


def compare_people(people: Mapping[str, Mapping[str, Line]]) -> tuple[Agreement, ...]:
    """Compare every two people who share at least `LEAST_SHARED` pictures.

    An answer without a single most frequent choice, such as imported votes that are tied, is left out.

    Args:
        people: name -> the person's answers, by the hash of the picture; see `History.answers`.

    Source:
        Cohen 1960, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.
    """
    choices = {
        name: {picture: line.choice for picture, line in people[name].items() if line.choice} for name in sorted(people)
    }
    found = []
    for (one, of_one), (other, of_other) in combinations(choices.items(), 2):
        pairs = [(of_one[picture], of_other[picture]) for picture in of_one.keys() & of_other.keys()]
        if len(pairs) >= LEAST_SHARED:
            agreed = sum(first == second for first, second in pairs)
            found.append(Agreement(one=one, other=other, shared=len(pairs), agreed=agreed, kappa=measure_kappa(pairs)))
    return tuple(found)


def measure_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Measure Cohen's kappa of pairs of answers on the same images; None where it has no value."""
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    if len(ones | others) < 2:
        return None
    # Counted in pairs of images, so that the numbers are whole: agreed, expected by chance, and all.
    agreed = len(pairs) * sum(one == other for one, other in pairs)
    by_chance = sum(images * others[answer] for answer, images in ones.items())
    return (agreed - by_chance) / (len(pairs) ** 2 - by_chance)


def images_per_hour(lines: Sequence[Line]) -> float | None:
    """Return how many images an hour a person answers at present, without pauses; None after fewer than two answers.

    Args:
        lines: of the person, the oldest first; imported ones do not count.
    """
    given = [line for line in lines if line.origin == "page"][-RECENT_LINES:]
    gaps = [_seconds_between(earlier, later) for earlier, later in pairwise(given)]
    gaps = [gap for gap in gaps if 0 <= gap <= PAUSE_SECONDS]
    spent = sum(gaps)
    return 3600 * len(gaps) / spent if spent > 0 else None


def _seconds_between(earlier: Line, later: Line) -> float:
    """Return the seconds between two answers.

    The times are those at which answers arrived: what waited in the browser arrives at once. So they are at least the
    seconds for which the later image was looked at.
    """
    arrived = (parse_time(later.at) - parse_time(earlier.at)).total_seconds()
    return max(arrived, later.seconds or 0.0) if arrived >= 0 else arrived
