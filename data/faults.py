"""What pydantic finds wrong, in the words of one line."""

from pydantic import ValidationError


def describe_faults(error: ValidationError, whole: str) -> str:
    """Return each fault as "field: what is wrong", in a row.

    Args:
        error: what a model's validation raised.
        whole: stands for the field where the fault is one of the whole input.
    """
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}" for fault in error.errors())
