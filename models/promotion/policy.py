"""Promotion policy: criteria that a challenger must meet before it becomes the champion.

Example:
    >>> policy = PromotionPolicy(minimum_gain=0.01)
    >>> policy.approval, policy.minimum_gain, policy.largest_recall_loss
    ('auto', 0.01, 0.03)
"""

from typing import Literal

from pydantic import Field

from data.base.record import Record


class PromotionPolicy(Record):
    """Criteria that a challenger must meet before it becomes the champion that is served."""

    approval: Literal["auto", "manual"] = Field(
        default="auto", description="auto promotes a challenger that meets every criterion, manual asks a person first"
    )
    minimum_gain: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="The accuracy gain over the champion must exceed this with 95 % confidence; 0.01 is one point",
    )
    first_margin: float = Field(
        default=0.05,
        ge=0,
        le=0.9,
        description="The same gain over the share of the most frequent class, if there is no champion yet",
    )
    largest_recall_loss: float = Field(
        default=0.03, ge=0, le=1, description="How far the recall of any class may be below the champion's"
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
        description="That time over the champion's, if one machine and number of threads measured both; 0 is no limit",
    )
    refuse_on_warning: bool = Field(
        default=False, description="Also refuse on warning findings of the data; critical ones always refuse"
    )
    largest_reload_difference: float = Field(
        default=1e-3,
        ge=0,
        le=1,
        description="How far a probability of the saved network, loaded again, may differ from the stored one",
    )
