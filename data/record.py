"""What all records that stages hand on have in common."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses unknown fields, so that a typing error never passes silently."""

    # NaN and infinity are written as such: null would not be read back as a number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
