"""Records of a label audit: suspects and the audit as a whole."""

from pydantic import Field

from data.base.data_format import SEED_FORMAT
from data.base.record import Record


class Suspect(Record):
    """One image whose label is suspected to be wrong."""

    image_id: str
    label: str = Field(description="the class it stands under")
    suggested_label: str = Field(description="the most probable class")
    suspicion: float = Field(ge=0, le=1, description="1 minus the probability of the label")


class LabelAudit(Record):
    """Audit of the labels of some images by out-of-sample probabilities."""

    audited_by: tuple[str, ...] = Field(
        default=(), description="variants whose mean probabilities were used; none where no variant was good enough"
    )
    labels: tuple[str, ...] = Field(default=SEED_FORMAT.labels, description="the classes, in label order")
    images: int = Field(description="how many images were audited")
    agreement: float = Field(description="share of images whose most probable class is their label, 0..1")
    images_per_class: tuple[int, ...] = Field(description="audited images by label, in label order")
    suspected_per_class: tuple[int, ...] = Field(description="suspects by label, in label order")
    noise: tuple[tuple[float, ...], ...] = Field(
        description="row: label, column: estimated true class; shares of the row's images, each row sums to 1; "
        "empty where nothing was audited"
    )
    suspects: tuple[Suspect, ...] = Field(description="most suspicious first")
    reason: str = Field(default="", description="why nothing was audited, where nothing was")
