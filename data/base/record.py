"""Base class of small frozen records, and the wording of their validation errors."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Record(BaseModel):
    """Frozen record that refuses unknown fields, so that a misspelt field name is always an error."""

    # NaN and infinity are written as constants, because null would not be read back as a number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


def describe_faults(error: ValidationError, whole: str) -> str:
    """Format pydantic validation errors as one line: "field: what is wrong; field: ...".

    Args:
        error: the error that a model's validation raised.
        whole: name to show instead of a field for an error of the whole input.
    """
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}" for fault in error.errors())
