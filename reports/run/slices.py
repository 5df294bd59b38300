"""Slices of validation: which are significantly worse, as a sentence and as table rows."""

from data.records.analysis import DISTINGUISHABLE_BELOW, SliceScore
from data.records.run import RunResults
from reports.common.formatting import join_names, percent, percent_range, plural, probability_value


def worse_slices(results: RunResults) -> list[SliceScore]:
    """Return the slices on which the best variant is significantly worse than on the other images."""
    slices = results.analysis.slices if results.analysis else ()
    return [piece for piece in slices if piece.is_worse(DISTINGUISHABLE_BELOW)]


def slice_sentence(results: RunResults) -> str:
    """Tell which slices are significantly worse and by how much, or that none is."""
    slices = results.analysis.slices if results.analysis else ()
    tested = sum(piece.p_holm is not None for piece in slices)
    if not tested:
        return "No slice could be tested."
    worse = worse_slices(results)
    if not worse:
        return f"None of {plural(tested, 'tested slice')} is significantly worse than the other images."
    named = [
        f"{piece.trait}, {piece.value} ({percent(piece.accuracy)} against {percent(piece.rest_accuracy)})"
        for piece in worse
    ]
    return f"Significantly worse than on the other images, of {plural(tested, 'tested slice')}: {join_names(named)}."


def slice_rows(results: RunResults) -> list[dict[str, str]]:
    """List the slices as table rows of text."""
    return [_row(piece) for piece in (results.analysis.slices if results.analysis else ())]


def _row(piece: SliceScore) -> dict[str, str]:
    return {
        "slice": f"{piece.trait}: {piece.value}",
        "images": f"{piece.images:,}",
        "accuracy": percent(piece.accuracy),
        "95% interval": percent_range(piece.low, piece.high),
        "other images": percent(piece.rest_accuracy),
        "expected of its classes": percent(piece.expected),
        "Holm p": "not tested" if piece.p_holm is None else probability_value(piece.p_holm),
        "against the others": _verdict(piece),
    }


def _verdict(piece: SliceScore) -> str:
    """Return "worse" or "better" if the difference to the other images is significant, else nothing."""
    if piece.is_worse(DISTINGUISHABLE_BELOW):
        return "worse"
    return "better" if piece.differs(DISTINGUISHABLE_BELOW) else ""
