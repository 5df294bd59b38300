"""Base class of the small frozen records that are stored as JSON."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Record(BaseModel):
    """A frozen record that refuses unknown fields, so that a typing error never passes silently."""

    # NaN and infinity are written as such: null would not be read back as a number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


def describe_faults(error: ValidationError, whole: str) -> str:
    """Return each fault as "field: what is wrong", in a row.

    Args:
        error: what a model's validation raised.
        whole: stands for the field where the fault is one of the whole input.
    """
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}" for fault in error.errors())
