"""Sentences and a table on the votes of people, for the verdict, the datasheet and the command line."""

from data.records.votes import CLEAR_SHARE, DECIDED_SHARE, ClassAgreement, Crowd, VotesMatch

TABLE_HEAD = ("published as", "images", "agreed", "else mostly", "by crowd", "clear", "undecided", "entropy")
"""Columns of `crowd_table`, short enough for a terminal."""

TABLE_NOTE = (
    "agreed: the published label is the crowd's choice, the class with most votes; else mostly: what the crowd chose "
    "most often instead; by crowd: images of all classes with this choice; clear and undecided: at least "
    f"{CLEAR_SHARE:.0%}, or below {DECIDED_SHARE:.0%}, of all votes are for one class; entropy of the votes in bits."
)

TIES = {"path": "their paths", "pixels": "their pixels", "row": "the order of the rows"}


def crowd_sentences(crowd: Crowd) -> tuple[str, ...]:
    """Say what the votes mean for the labels as published; nothing is said without votes for a class."""
    if crowd.people is None or crowd.entropy is None:
        return ("Nobody voted for a class of the data set.",)
    first = (
        f"The published label is the choice of the crowd for {crowd.agreed:,} of {crowd.images:,} images "
        f"({crowd.agreement:.1%}), with {crowd.people:.3g} votes an image on average. {crowd.tied:,} images have "
        f"several classes with most votes; if these count in part, it is {crowd.agreement_with_shared_ties:.1%}."
    )
    decided = (
        f"At least {CLEAR_SHARE:.0%} agree on {_share(crowd.clear, crowd.images)}, fewer than {DECIDED_SHARE:.0%} on "
        f"{_share(crowd.undecided, crowd.images)}: nobody agrees on these. The mean entropy of the votes is "
        f"{crowd.entropy:.2f} bits; most people saw no face in {crowd.no_face:,} images."
    )
    if crowd.ceiling is None:
        return first, decided
    ceiling = (
        f"One person who chose a class agrees with the majority of the others in {crowd.ceiling:.1%}: the ceiling of "
        "labels that one person gives."
    )
    return first, ceiling, decided


def match_sentence(match: VotesMatch) -> str:
    """Say how the votes were matched to images, and what was not matched."""
    other = [column for column, name in match.columns.items() if name == "other"]
    words = [
        f"{match.rows:,} rows of votes were matched to {match.matched_images:,} images by {TIES[match.matched_by]}",
        f"{match.copies:,} of these images are copies with equal pixels" if match.copies else "",
        f"{match.images_without:,} images have no votes" if match.images_without else "",
        f"{match.unmatched_rows:,} name no image, such as {match.unmatched_examples[0]}"
        if match.unmatched_examples
        else "",
        f"{match.empty_rows:,} rows have no vote" if match.empty_rows else "",
        f"{', '.join(other)} count as other" if other else "",
    ]
    return "; ".join(filter(None, words)) + "."


def crowd_table(crowd: Crowd) -> list[tuple[str, ...]]:
    """Return a row of text for each class with images, with the columns of `TABLE_HEAD`."""
    return [
        (
            row.label,
            f"{row.images:,}",
            f"{row.agreed / row.images:.1%}",
            _otherwise(row, crowd.labels),
            f"{row.crowd_images:,}",
            f"{row.clear / row.images:.1%}",
            f"{row.undecided / row.images:.1%}",
            f"{row.entropy or 0:.2f}",
        )
        for row in crowd.by_class
        if row.images
    ]


def _otherwise(row: ClassAgreement, labels: tuple[str, ...]) -> str:
    """Name the other class that the crowd chose most often, and how often."""
    others = {name: count for name, count in zip(labels, row.chosen, strict=True) if name != row.label}
    name = max(others, key=others.__getitem__)
    return f"{name} {others[name] / row.images:.1%}" if others[name] else "none"


def _share(images: int, of_images: int) -> str:
    return f"{images:,} images ({images / of_images:.1%})"
