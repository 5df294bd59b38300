"""Cautions that a report shows beside its figures."""

from typing import Literal

from data.base.record import Record


class Caution(Record):
    """One line of the warning bar at the head of a report."""

    level: Literal["critical", "warning"]
    text: str
