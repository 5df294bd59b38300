"""What the parent of an export and its child commands agree on: commands, files, and specifications."""

from pathlib import Path

from pydantic import Field

from data.base.record import Record
from data.records.export import ExportBundle, ExportFormat

WRITE = "models.export.write"
CHECK = "models.export.check"
"""Names of the child commands, which the parent starts with `python -m` and never imports."""

FORMATS: tuple[ExportFormat, ...] = ("saved_model", "onnx", "litert", "litert_int8")

EXACT_FORMATS: tuple[ExportFormat, ...] = ("saved_model", "onnx", "litert")
"""Formats that compute in float32, so that their answers must be those of the network."""

PATHS: dict[ExportFormat, str] = {
    "saved_model": "saved_model",
    "onnx": "network.onnx",
    "litert": "network.tflite",
    "litert_int8": "network_int8.tflite",
}
"""File or folder of each format in the directory of an export; that of LiteRT has to end in .tflite."""

README_NAME = "README.md"

INPUT_NAME = "pixels"
"""Name of the input of every format."""

OUTPUT_NAME = "probabilities"
"""Name of the output in ONNX; the runtimes of the other formats choose their own."""

FAULTS_NAME = "faults.json"
"""What kept formats from being written: format -> reason; in the working directory."""

PIXELS_NAME = "pixels.npy"
"""Validation images, uint8 (images, height, width, channels), in the order of the network's predictions."""

ANSWERS_NAME = "answers.npy"
"""Probabilities of a format on these images, float32 (images, classes)."""

TIMES_NAME = "times.json"

JUDGED_PART = "validation"


class WriteSpec(Record):
    """Specification of `python -m models.export.write WORK`, stored as WORK/spec.json.

    The command writes the formats into `out`; the network's predictions and the pixels into WORK.
    """

    network: Path = Field(description="file of the saved network")
    records: Path = Field(description="directory of the TFRecords")
    out: Path = Field(description="directory of the export")
    bundle: ExportBundle = Field(description="what is written into the files of the formats, still without formats")
    calibration_images: int = Field(
        default=300, ge=1, le=10_000, description="train images that the ranges of int8 are measured on"
    )
    threads: int = Field(ge=1, description="threads of one operation")


class CheckSpec(Record):
    """Specification of `python -m models.export.check WORK`, stored as WORK/spec.json.

    The command writes the format's probabilities and its times into WORK.
    """

    format: ExportFormat
    path: Path = Field(description="file or folder of the format")
    pixels: Path = Field(description="validation images, as the first command wrote them")


class Times(Record):
    """How fast a format is."""

    start_seconds: float = Field(description="import of its runtime and loading, in a new process")
    single_milliseconds: float = Field(description="median time of one image on one core")
