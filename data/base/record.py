"""Base class of small frozen records, and the wording of their validation errors."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError


class Record(BaseModel):
    """Frozen record that refuses unknown fields, so that a misspelt field name is always an error."""

    # JSON has no NaN and no infinity: they are written as texts, "NaN" and "Infinity", which are read back as numbers.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def _read_number(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


NumberOrWords = Annotated[float | str, BeforeValidator(_read_number)]
"""A figure, or words where there is none. A figure that JSON has no number for is read back as a number."""


def describe_faults(error: ValidationError, whole: str) -> str:
    """Format pydantic validation errors as one line: "field: what is wrong; field: ...".

    Args:
        error: the error that a model's validation raised.
        whole: name to show instead of a field for an error of the whole input.
    """
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}" for fault in error.errors())
