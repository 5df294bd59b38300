"""Options that several commands of `emotion` share: made from the parameters of the flows, and parsed into forms."""

import os
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

import typer
from annotated_types import Ge, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from data.base.data_format import LARGEST_SIDE, SMALLEST_SIDE
from data.base.errors import PipelineError
from data.base.named_formats import FormatChoice, FormatName
from data.base.record import describe_faults
from data.records.truths import TruthName
from data.sources.source import ENVIRONMENT_PREFIX, holds_secret, parse_source
from flows.parameters import (
    AuditAnswers,
    Faces,
    Folds,
    Force,
    Help,
    Minutes,
    Parallel,
    Pool,
    Relabel,
    Repeats,
    Seed,
    Seeds,
    Source,
    Target,
    TimeBudget,
    TrialMinutes,
    Trials,
    Truth,
    Votes,
)
from models.catalog.preset_names import PRESET_NAMES
from models.catalog.train_config import TargetChoice

SOURCE_VARIABLE = "EMOTION_SECRET_SOURCE"
"""Environment variable in which a command hands a URL with a secret to its own run."""

Form = TypeVar("Form", bound=BaseModel)

PRESET_HELP = f"{', '.join(PRESET_NAMES)}, or the path of a preset file, such as emotion tune writes."


def option(parameter: Any, *names: str, **changed: Any) -> Any:
    """Return the option with the help text and the bounds of a flow's parameter.

    Args:
        parameter: a type of `flows.parameters`.
        names: of the option, if the name of the command's argument is not enough.
        changed: `min` or `max` instead of the parameter's own.

    Example:
        >>> seed = option(Seed)
        >>> seed.help, seed.min, seed.max
        ('Random seed of the parts, the views and the trainings.', 0, 2147483647)
    """
    bounds: dict[str, Any] = {}
    for given in get_args(parameter):
        for bound in given.metadata if isinstance(given, FieldInfo) else ():
            match bound:
                case Ge(ge=lowest):
                    bounds["min"] = lowest
                case Le(le=highest):
                    bounds["max"] = highest
                case Lt(lt=above):
                    bounds["max"] = above - 1  # type: ignore[operator]  # only integers have this bound
    (text,) = (given.text for given in get_args(parameter) if isinstance(given, Help))
    return typer.Option(*names, help=text, **{**bounds, **changed})


SHORTEST_MINUTES = 0.01

SourceOption = Annotated[str, option(Source)]
SeedOption = Annotated[int, option(Seed)]
SeedsOption = Annotated[int, option(Seeds)]
ParallelOption = Annotated[int, option(Parallel)]
TimeBudgetOption = Annotated[float, option(TimeBudget)]
TargetOption = Annotated[TargetChoice, option(Target)]
TruthOption = Annotated[TruthName, option(Truth)]
RelabelOption = Annotated[str, option(Relabel)]
VotesOption = Annotated[str, option(Votes)]
ForceOption = Annotated[bool, option(Force, "--force")]
PoolOption = Annotated[str, option(Pool, "--on")]
FacesOption = Annotated[Literal["given", "find"], option(Faces)]
FoldsOption = Annotated[int, option(Folds)]
AuditAnswersOption = Annotated[str, option(AuditAnswers)]
RepeatsOption = Annotated[int, option(Repeats)]
TrialsOption = Annotated[int, option(Trials)]
MinutesOption = Annotated[float, option(Minutes, min=SHORTEST_MINUTES)]
TrialMinutesOption = Annotated[float, option(TrialMinutes, min=SHORTEST_MINUTES)]
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
_FORMAT, _FORMAT_NAMES = FormatChoice.model_fields, ", ".join(get_args(FormatName))
FormatOption = Annotated[str, typer.Option("--format", help=f"{_FORMAT['name'].description}: {_FORMAT_NAMES}.")]
LabelsOption = Annotated[str, typer.Option(help=f"Comma-separated. {_FORMAT['labels'].description}.")]
ImageSizeOption = Annotated[int, typer.Option(help=f"{_FORMAT['image_size'].description}.")]
ColorOption = Annotated[str, typer.Option(help=f"{_FORMAT['color'].description}.")]
CarveTestOption = Annotated[bool, typer.Option("--carve-test", help=f"{_FORMAT['carve_test'].description}.")]
PromotionOption = Annotated[
    list[str],
    typer.Option(
        "--promotion",
        help="NAME=VALUE, such as approval=manual, of docs/promotion.md: what a new champion must meet; repeatable.",
    ),
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Print only the log, without the live view of a terminal.")]


class FormatOptions(NamedTuple):
    """The options on the format of a data set, as given; see `data.base.named_formats.FormatChoice`."""

    name: str = "seed"
    labels: str = ""
    image_size: int = 0
    color: str = "as published"
    carve_test: bool = False


def check_source(source: str) -> str:
    """Return a source as the parameter of a flow: checked, and without a secret, because Prefect stores parameters.

    A URL with a password or token is put into this process' environment, and the parameter names the variable.

    Raises:
        PipelineError: the text is not a source.
    """
    if holds_secret(source):
        os.environ[SOURCE_VARIABLE] = source
        source = f"{ENVIRONMENT_PREFIX}{SOURCE_VARIABLE}"
    parse_source(source)
    return source


def parse_data_choices(policy: list[str], limit: list[str], data_format: FormatOptions) -> dict[str, Any]:
    """Return the parameters `policies`, `limits` and `data_format` of a flow from the options."""
    from expectations.policies import RulePolicies
    from expectations.rules import DataLimits

    return {
        "policies": parse_choices("--policy", policy, RulePolicies),
        "limits": parse_choices("--limit", limit, DataLimits),
        "data_format": parse_format(data_format),
    }


def parse_format(options: FormatOptions) -> FormatChoice:
    """Return what the options say of the format of a data set.

    Raises:
        PipelineError: they are no format.

    Example:
        >>> parse_format(FormatOptions(labels="angry, happy", image_size=64)).labels
        ('angry', 'happy')
    """
    labels = tuple(label.strip() for label in options.labels.split(",") if label.strip())
    try:
        return FormatChoice.model_validate({**options._asdict(), "labels": labels})
    except ValidationError as error:
        given = {"--format": options.name, "--labels": options.labels, "--color": options.color}
        given |= {"--image-size": str(options.image_size or "")}
        words = " ".join(f"{name} {value}" for name, value in given.items() if value)
        raise PipelineError(
            f"got {words}: {describe_faults(error, 'labels')}; expected --format {_FORMAT_NAMES}, --labels auto or two "
            f"names or more, --image-size {SMALLEST_SIDE} to {LARGEST_SIDE}, --color gray or rgb"
        ) from error


def parse_choices(option: str, choices: list[str], form: type[Form]) -> Form:
    """Make a form of the choices that were given on the command line; the other fields keep their defaults.

    Args:
        option: name of the option that the choices were given for.
        choices: NAME=VALUE each.
        form: pydantic model that has the names as fields.

    Raises:
        PipelineError: a choice is not NAME=VALUE, or its name or value does not exist.

    Example:
        >>> from expectations.rules import DataLimits
        >>> parse_choices("--limit", ["minimum_test_images=20"], DataLimits).minimum_test_images
        20
    """
    pairs = [choice.partition("=")[::2] for choice in choices]
    try:
        return form.model_validate({name.strip(): value.strip() for name, value in pairs})
    except ValidationError as error:
        raise PipelineError(
            f"got {option} {' '.join(choices)}: {describe_faults(error, option)}; expected NAME=VALUE with a name of "
            f"{', '.join(form.model_fields)}"
        ) from error
