"""Parameters that several flows and commands share: the bounds and the help text of each, in one place.

A flow uses these types for its parameters, and Prefect's form shows their text; `flows.cli.options` makes command-line
options from them.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from data.records.truths import TruthName
from data.sources.source import SOURCE_HELP
from models.catalog.seeds import MAX_SEEDS, SEED_BOUND
from models.catalog.train_config import TargetChoice


@dataclass(frozen=True)
class Help:
    """Text that explains a parameter.

    Prefect's form would not show the description of a `Field`: it takes the text of the flow's docstring instead, even
    if that has none.

    Args:
        text: one sentence.
    """

    text: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the text to the JSON schema of the type."""
        return {**handler(schema), "description": self.text}


Source = Annotated[str, Help(SOURCE_HELP)]
Faces = Annotated[
    Literal["given", "find"],
    Help("given: each image is a cropped face; find: they are photos, and the face of each is found and cropped."),
]
Relabel = Annotated[str, Help("A relabel.csv: the suspects.csv of an audit, with new_label filled in by a person.")]
Votes = Annotated[
    str,
    Help("Votes of several people: a CSV or Parquet with a row for each image and a column for each class."),
]
AuditAnswers = Annotated[
    str,
    Help("The sample.csv of an earlier audit, with new_label filled in by a person: it makes the suspects better."),
]
Repeats = Annotated[
    int,
    Field(ge=1, le=10),
    Help("Cross-fits with other folds and seeds, whose mean judges: each costs as much as the first."),
]
Target = Annotated[
    TargetChoice,
    Help(
        "What is trained towards: the published label, the majority of the votes of people, or the share of votes of "
        "each class; preset: what each recipe says."
    ),
]
Truth = Annotated[
    TruthName,
    Help(
        "Labels that variants are ranked, promoted and sliced by: published, crowd (the class that most people chose), "
        "or clear (the same, on images that at least 7 of 10 agree on)."
    ),
]
Seed = Annotated[int, Field(ge=0, lt=SEED_BOUND), Help("Random seed of the parts, the views and the trainings.")]
Seeds = Annotated[
    int,
    Field(ge=1, le=MAX_SEEDS),
    Help("Trainings of each variant, with seed, seed + 1, ...; the first is compared, the others show the spread."),
]
Parallel = Annotated[
    int,
    Field(ge=0, le=64),
    Help("Trainings at the same time; 0: one for each GPU, or without a GPU one for each core, at most two."),
]
TimeBudget = Annotated[
    float, Field(ge=0, le=10_000), Help("Time limit of one training in minutes; 0: the limit of the preset.")
]
Folds = Annotated[
    int,
    Field(ge=2, le=20),
    Help("Folds of train, with one training each: it learns from the other folds and judges the labels of this one."),
]
Trials = Annotated[
    int, Field(ge=1, le=1000), Help("Recipes to try, including those of an interrupted search with equal parameters.")
]
Minutes = Annotated[
    float, Field(gt=0, le=10_000), Help("Time limit of the search in minutes; no trial starts that would not fit.")
]
TrialMinutes = Annotated[float, Field(gt=0, le=10_000), Help("Time limit of the training of one trial in minutes.")]
Pool = Annotated[
    str,
    Field(pattern=r"^$|^[A-Za-z0-9][A-Za-z0-9 ._-]*$", max_length=100),
    Help("Work pool whose workers train, such as one of emotion worker --pool; without it this machine trains."),
]
Force = Annotated[
    bool, Help("Do every stage again, even if nothing changed; a search also forgets its earlier trials.")
]
