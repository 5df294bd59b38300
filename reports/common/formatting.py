"""Text forms of figures: percent, points, durations and sizes, with a dash for what is not a number."""

import math
from datetime import datetime

MISSING = "–"


def percent(rate: float, digits: int = 1) -> str:
    """Return a rate of 0..1 as percent, such as "75.1%"."""
    return f"{100 * rate:.{digits}f}%" if math.isfinite(rate) else MISSING


def percent_range(low: float, high: float) -> str:
    """Return an interval of rates of 0..1 in percent, such as "73.9 to 76.3"."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    return f"{100 * low:.1f} to {100 * high:.1f}"


def percentage_points(difference: float) -> str:
    """Return a difference of two rates in percentage points, signed."""
    return f"{100 * difference:+.1f}".replace("-", "−") if math.isfinite(difference) else MISSING


def points_range(low: float, high: float) -> str:
    """Return an interval of differences in percentage points, each end signed."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    return f"{percentage_points(low)} to {percentage_points(high)}"


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands separators and a fixed count of decimals."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else MISSING


def observed_text(value: float | str) -> str:
    """Format what a rule observed: a count, a ratio or words."""
    if isinstance(value, str):
        return value
    return number(value, 0 if float(value).is_integer() else 3)


def probability_value(value: float) -> str:
    """Return a p value, never as a plain zero."""
    if not math.isfinite(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def file_size(size_bytes: float) -> str:
    """Return a size in MB or GB (powers of ten)."""
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.2f} GB"
    return f"{size_bytes / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as "11 min 20 s"."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 59.95:  # what rounds to 60.0 is a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def date_text(text: str) -> str:
    """Format an ISO 8601 time as a date for readers; return any other text as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{when.day} {when:%B %Y, %H:%M} {when:%Z}".strip()


def join_names(names: list[str]) -> str:
    """Join names for a sentence.

    >>> join_names(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def shorten(name: str, most: int = 32) -> str:
    """Cut a name for a chart if it is longer than `most` characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless the count is 1."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
