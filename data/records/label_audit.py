"""Records of a label audit: suspects and the audit as a whole."""

from pydantic import Field

from data.base.data_format import SEED_FORMAT
from data.base.record import Record


class Candidate(Record):
    """One class that an image may show."""

    label: str
    probability: float = Field(ge=0, le=1, description="given the image and the label it stands under")


class Suspect(Record):
    """One image whose label is suspected to be wrong."""

    image_id: str
    label: str = Field(description="the class it stands under")
    suggested_label: str = Field(description="the most probable of the other classes")
    suspicion: float = Field(ge=0, le=1, description="probability that the label is wrong")
    candidates: tuple[Candidate, ...] = Field(
        default=(), description="the most probable classes, the label among them where it may be right; one to three"
    )


class ExpectedPrecision(Record):
    """Expected share of wrong labels among the first suspects."""

    first: int = Field(ge=1, description="how many suspects, from the most suspicious")
    share: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1, description="lower end of the interval")
    high: float = Field(ge=0, le=1, description="upper end of the interval")


class SampleAnswers(Record):
    """What people said about images that were drawn at random from all of one label."""

    label: str
    answered: int
    wrong: int = Field(description="answered with another class, or to be removed")


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
    expected: tuple[ExpectedPrecision, ...] = Field(
        default=(), description="of the first suspects and of all; see models.analysis.label_posterior"
    )
    sample: tuple[str, ...] = Field(
        default=(), description="images drawn at random, which a person is asked to judge first; without those judged"
    )
    answers: tuple[SampleAnswers, ...] = Field(
        default=(), description="what is known from the random sample, in label order; empty without answers"
    )
    reason: str = Field(default="", description="why nothing was audited, where nothing was")
