"""Since the last report: what moved, by how much and whether significantly, in a sentence and as rows."""

from data.analysis import Move, SinceLast
from reports.formatting import listing, moment, percent, plural, points, points_range, probability_value
from reports.summary import DISTINGUISHABLE_BELOW

TESTS = {
    "paired": "exact McNemar, same images",
    "independent": "Fisher, as of other images",
    "same training": "the same training",
}


def movement_sentences(since: SinceLast) -> list[str]:
    """Return what the report is compared with, and which variants moved significantly."""
    images = "the same validation images" if since.same_images else "other validation images, so only large moves show"
    said = [f"Compared with {since.run_name} of {moment(since.started)}, on {images}."]
    tested = [move for move in since.moves if move.test != "same training"]
    moved = [move for move in tested if move.p_holm < DISTINGUISHABLE_BELOW]
    if not since.moves:
        return [*said, "No variant was trained in both."]
    if not tested:
        return [*said, f"{_count(len(since.moves))} the same training as then, so nothing moved."]
    if not moved:
        return [*said, f"None of {plural(len(tested), 'variant')} that was trained anew moved significantly."]
    named = [f"{move.variant} by {points(move.now - move.before)} points" for move in moved]
    return [*said, f"Moved significantly after Holm's correction: {listing(named)}."]


def _count(variants: int) -> str:
    return "The variant of both is" if variants == 1 else f"The {variants} variants of both are"


def movement_rows(since: SinceLast) -> list[dict[str, str]]:
    """Return the moves as table rows, every value ready to be read."""
    return [_row(move) for move in since.moves]


def _row(move: Move) -> dict[str, str]:
    tested = move.test != "same training"
    return {
        "variant": move.variant,
        "then": percent(move.before),
        "now": percent(move.now),
        "moved, points": points(move.now - move.before),
        "95% interval": points_range(move.low, move.high) if tested else "none",
        "Holm p": probability_value(move.p_holm) if tested else "none",
        "test": TESTS[move.test],
        "significant": "yes" if tested and move.p_holm < DISTINGUISHABLE_BELOW else "no",
    }
