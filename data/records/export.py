"""Records of an exported network: its files in several formats, how they were checked, and what an answer needs."""

from typing import Literal

from pydantic import Field

from data.base.data_format import DataFormat
from data.base.record import Record
from data.records.truths import TruthName

ExportFormat = Literal["saved_model", "onnx", "litert", "litert_int8"]

TITLES: dict[ExportFormat, str] = {
    "saved_model": "SavedModel",
    "onnx": "ONNX",
    "litert": "LiteRT, float32",
    "litert_int8": "LiteRT, int8",
}

BUNDLE_NAME = "bundle.json"
"""Name of the record in the directory of an export."""


class FormatCheck(Record):
    """Comparison of one exported format with the network it was made of, on the same validation images."""

    images: int
    largest_difference: float = Field(description="of a probability, 0..1")
    changed_answers: int = Field(description="images whose most probable class differs")
    changed_refusals: int = Field(description="images on one side of the threshold here and on the other there")
    accuracy: float = Field(description="0..1, on those of the images that have a label of the truth")
    accuracy_low: float = Field(description="lower end of the 95 % Wilson interval")
    accuracy_high: float = Field(description="upper end of the 95 % Wilson interval")
    p_value: float | None = Field(default=None, description="exact McNemar against the network, two-sided; int8 only")


class ExportedFormat(Record):
    """One format of an exported network."""

    format: ExportFormat
    path: str = Field(description="file or folder, relative to the directory of the export")
    bytes: int = Field(description="size of the file, or of all files of the folder")
    offered: bool = Field(description="whether it passed its check; another one must not be used")
    reason: str = Field(default="", description="why it is not offered")
    check: FormatCheck | None = Field(default=None, description="None if it could not be loaded")
    start_seconds: float = Field(
        default=float("nan"), description="import of its runtime and loading, in a new process"
    )
    single_milliseconds: float = Field(default=float("nan"), description="median time of one image on one core")

    def describe(self) -> dict[str, str]:
        """Describe the format as the row of a table: name of the column -> text."""
        check = self.check
        tested = check is not None and check.p_value is not None
        return {
            "format": TITLES[self.format],
            "size": f"{self.bytes / 1e6:.2f} MB" if self.bytes else "",
            "largest difference": f"{check.largest_difference:.1g}" if check else "",
            "changed answers": f"{check.changed_answers} of {check.images:,}" if check else "",
            "changed refusals": f"{check.changed_refusals}" if check else "",
            "accuracy": f"{100 * check.accuracy:.1f} %" if check else "",
            "McNemar p": f"{check.p_value:.2g}" if check and tested else "",
            "one image": f"{self.single_milliseconds:.2f} ms" if check else "",
            "start": f"{self.start_seconds:.2f} s" if check else "",
            "offered": "yes" if self.offered else f"no: {self.reason}",
        }


class ExportBundle(Record):
    """What an exported network is, and what is needed to turn its outputs into answers.

    Every format takes pixels 0..255, float32 (n, height, width, channels), and returns float32 probabilities
    (n, labels) before calibration: preprocessing is inside, the temperature is not.
    """

    variant: str
    variant_key: str = Field(description="key of the training in the workspace")
    data_format: DataFormat
    temperature: float = Field(gt=0, description="divides the logits; 1 where none was fitted")
    threshold: float | None = Field(description="least calibrated certainty of an answer; None: none is refused")
    truth: TruthName = Field(
        default="published", description="labels that the threshold, and the figures of every format, follow"
    )
    validation_images: int = Field(description="that have such a label")
    accuracy: float = Field(description="on validation, 0..1")
    accuracy_low: float = Field(description="lower end of the 95 % Wilson interval")
    accuracy_high: float = Field(description="upper end of the 95 % Wilson interval")
    accepted_accuracy: float = Field(description="on the validation images whose certainty reaches the threshold")
    recalls: tuple[float, ...] = Field(description="of each class on validation, 0..1, in the order of the labels")
    parameters: int
    formats: tuple[ExportedFormat, ...]

    def find(self, wanted: ExportFormat) -> ExportedFormat | None:
        """Find a format that passed its check; None if there is none."""
        return next((one for one in self.formats if one.format == wanted and one.offered), None)
