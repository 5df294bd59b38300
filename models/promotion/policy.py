"""The promotion policy: what is asked of a challenger before it becomes the champion."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PromotionPolicy(BaseModel):
    """What is asked of a challenger before it becomes the champion that is served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval: Literal["auto", "manual"] = Field(
        default="auto", description="auto promotes what meets every criterion, manual asks a person first"
    )
    minimum_gain: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Accuracy gain over the champion that has to be exceeded with 95 % confidence; 0.01 is one point",
    )
    first_margin: float = Field(
        default=0.05,
        ge=0,
        le=0.9,
        description="The same, over the share of the most frequent class, where there is no champion yet",
    )
    largest_recall_loss: float = Field(
        default=0.03, ge=0, le=1, description="How far the recall of any class may lie below the champion's"
    )
    largest_calibration_error: float = Field(
        default=0.15, ge=0, le=1, description="Expected calibration error on validation; 1 is no limit"
    )
    largest_latency_milliseconds: float = Field(
        default=100.0, ge=0, le=60_000, description="Median time of one image alone; 0 is no limit"
    )
    largest_latency_ratio: float = Field(
        default=10.0,
        ge=0,
        le=1000,
        description="That time over the champion's, where both are of one machine and as many threads; 0 is no limit",
    )
    refuse_on_warning: bool = Field(
        default=False, description="Also refuse on warning findings of the data; critical ones always refuse"
    )
    largest_reload_difference: float = Field(
        default=1e-3,
        ge=0,
        le=1,
        description="How far a probability of the exported model, loaded again, may lie from the stored one",
    )
