"""Options that several commands of `emotion` share."""

from typing import Annotated

import typer

from models.catalog.presets import PRESETS
from models.catalog.seeds import MAX_SEEDS

PRESET_HELP = f"{', '.join(PRESETS)}, or the path of a preset file, such as emotion tune writes."

SourceOption = Annotated[
    str,
    typer.Option(
        help='"sample", a folder, an archive\'s path or URL, or a Google Drive id or URL; add #sha256=HEX to pin it.'
    ),
]
SeedOption = Annotated[int, typer.Option(help="Seed of parts, views and trainings.", min=0, max=2**31 - 1)]
SeedsOption = Annotated[
    int,
    typer.Option(
        help="Trainings of each variant, with seed, seed + 1, ...; the first is compared, the others show the spread.",
        min=1,
        max=MAX_SEEDS,
    ),
]
ParallelOption = Annotated[int, typer.Option(help="Trainings at once; 0 takes what the machine has.", min=0, max=64)]
TimeBudgetOption = Annotated[
    float, typer.Option(help="Most minutes of one training; 0 leaves the preset's.", min=0, max=10_000)
]
RelabelOption = Annotated[
    str, typer.Option(help="A relabel.csv: the suspects.csv of an audit with new_label filled in by a person.")
]
PolicyOption = Annotated[
    list[str],
    typer.Option(
        "--policy", help="RULE=CHOICE, such as not_blank=fail, for any rule of docs/data-quality.md; repeatable."
    ),
]
LimitOption = Annotated[
    list[str],
    typer.Option("--limit", help="NAME=NUMBER, such as minimum_test_images=20, of docs/data-quality.md; repeatable."),
]
PromotionOption = Annotated[
    list[str],
    typer.Option(
        "--promotion", help="NAME=VALUE, such as approval=manual, of docs/promotion.md; for a new champion; repeatable."
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Do every stage again, also where nothing changed.")]
PlainOption = Annotated[
    bool, typer.Option("--plain", help="Print the log alone, without the view that a terminal shows.")
]
