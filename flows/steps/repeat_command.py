"""Command line that repeats a run, for its report."""

import shlex
from typing import Any

from data.base.named_formats import FormatChoice
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from models.promotion.policy import PromotionPolicy


def repeat_command(parameters: dict[str, Any]) -> str:
    """Build the command line that repeats a run with these parameters.

    Example:
        >>> repeat_command({"source": "sample", "preset": "quick", "seed": 42, "relabel": "my labels.csv"})
        "emotion run --source sample --preset quick --seed 42 --relabel 'my labels.csv'"
    """
    words = ["emotion", "run", "--source", parameters["source"], "--preset", parameters["preset"]]
    words += ["--seed", str(parameters["seed"])]
    if parameters.get("seeds", 1) > 1:
        words += ["--seeds", str(parameters["seeds"])]
    if variants := [*parameters.get("variants", []), *parameters.get("own_variants", [])]:
        words += ["--variants", ",".join(variants)]
    if parameters.get("time_budget_minutes"):
        words += ["--time-budget", f"{parameters['time_budget_minutes']:g}"]
    if parameters.get("relabel"):
        words += ["--relabel", parameters["relabel"]]
    if parameters.get("votes"):
        words += ["--votes", parameters["votes"]]
    if parameters.get("target", "preset") != "preset":
        words += ["--target", parameters["target"]]
    if parameters.get("truth", "published") != "published":
        words += ["--truth", parameters["truth"]]
    words += changed_choices("--policy", RulePolicies.model_validate(parameters.get("policies") or {}))
    words += changed_choices("--limit", DataLimits.model_validate(parameters.get("limits") or {}))
    if parameters.get("faces", "given") != "given":
        words += ["--faces", parameters["faces"]]
    words += format_options(FormatChoice.model_validate(parameters.get("data_format") or {}))
    words += changed_choices("--promotion", PromotionPolicy.model_validate(parameters.get("promotion") or {}))
    return shlex.join(words)


def format_options(choice: FormatChoice) -> list[str]:
    """Return the options that say this of the format of a data set."""
    usual = FormatChoice()
    words = ["--format", choice.name] if choice.name != usual.name else []
    words += ["--labels", ",".join(choice.labels)] if choice.labels else []
    words += ["--image-size", str(choice.image_size)] if choice.image_size else []
    words += ["--color", choice.color] if choice.color != usual.color else []
    return [*words, *(["--carve-test"] if choice.carve_test else [])]


def changed_choices(option: str, form: RulePolicies | DataLimits | PromotionPolicy) -> list[str]:
    """Return the option once for each field of the form that differs from its default."""
    usual = type(form)().model_dump()
    return [f"{option}={name}={choice}" for name, choice in form.model_dump().items() if choice != usual[name]]
