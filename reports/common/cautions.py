"""Cautions that a report shows beside its figures."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Caution(BaseModel):
    """One line of the warning bar at the head of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["critical", "warning"]
    text: str
