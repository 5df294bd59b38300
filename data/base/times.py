"""Stored times as instants, so that times of several zones are ordered rightly."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime:
    """Parse a stored ISO 8601 time; text that is not a time counts as the oldest, and a time without a zone as UTC.

    Two such texts must not be compared as texts: 09:30+0200 is before 08:00+0000.

    >>> parse_time("2026-03-01T09:30:00+0200") < parse_time("2026-03-01T08:00:00+0000")
    True
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
