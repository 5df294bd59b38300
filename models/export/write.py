"""Child command that writes a network in every format: `python -m models.export.write WORK`.

WORK/spec.json says which network. A format that cannot be written does not stop the others: WORK/faults.json has the
reasons. The network's own predictions and the validation images stay in WORK for the checks.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data.records.export import ExportFormat
from data.system.child_process import emit, run_child
from data.views.tfrecords import read_identified, read_part
from models.export.facts import name_facts
from models.export.jobs import FAULTS_NAME, INPUT_NAME, JUDGED_PART, PATHS, PIXELS_NAME, WriteSpec
from models.export.litert import write_litert, write_litert_int8
from models.export.onnx_file import write_onnx
from models.export.saved_model import write_saved_model
from models.jobs.events import Done, Started
from models.jobs.files import PREDICTIONS_NAME, SPEC_NAME

REASON_LENGTH = 300


def main() -> None:
    """Run the command on the directory named in the arguments."""
    import tensorflow as tf

    from models.training.runtime import ignore_keras_settings, use_threads

    work = Path(sys.argv[1])
    spec = WriteSpec.model_validate_json((work / SPEC_NAME).read_bytes())
    ignore_keras_settings()
    use_threads(spec.threads)
    tf.config.set_visible_devices([], "GPU")  # its convolutions round more, and the formats run on a processor
    emit(Started())
    network = load_network(spec.network)
    save_reference(network, spec, work)
    faults = write_formats(network, spec)
    (work / FAULTS_NAME).write_text(json.dumps(faults), encoding="utf-8")
    emit(Done())


def load_network(path: Path) -> Any:
    """Load a saved network; its input is float32, as exports need it."""
    import keras

    from models.networks import layers  # noqa: F401 - registers the project's own layers with Keras

    network: Any = keras.saving.load_model(path, compile=False)
    pixels = keras.Input(network.input_shape[1:], dtype="float32", name=INPUT_NAME)
    return keras.Model(pixels, network(pixels), name=network.name)


def save_reference(network: Any, spec: WriteSpec, work: Path) -> None:
    """Save the validation images, and what the network predicts for them."""
    from models.training.predict import predict_part

    batches = list(read_identified(spec.records, JUDGED_PART))
    predict_part(network, batches, JUDGED_PART).to_parquet(work / PREDICTIONS_NAME, index=False)
    np.save(work / PIXELS_NAME, np.concatenate([np.asarray(images) for images, _, _ in batches]))


def write_formats(network: Any, spec: WriteSpec) -> dict[ExportFormat, str]:
    """Write every format; returns the reasons of those that could not be written."""
    facts, paths = name_facts(spec.bundle), {name: spec.out / path for name, path in PATHS.items()}
    source = paths["saved_model"]
    writers: dict[ExportFormat, Callable[[], None]] = {
        "saved_model": lambda: write_saved_model(network, source, facts),
        "onnx": lambda: write_onnx(network, paths["onnx"], facts),
        "litert": lambda: write_litert(source, paths["litert"], facts),
        "litert_int8": lambda: write_litert_int8(source, paths["litert_int8"], facts, read_calibration(spec)),
    }
    return {name: fault for name, writer in writers.items() if (fault := _try(writer))}


def read_calibration(spec: WriteSpec) -> np.ndarray:
    """Read train images for int8, float32 (n, height, width, channels): the first ones, since records are shuffled."""
    images, _ = next(iter(read_part(spec.records, "train", batch_size=spec.calibration_images)))
    return np.asarray(images, np.float32)


def _try(writer: Callable[[], None]) -> str:
    try:
        writer()
    except Exception as error:  # converters raise whatever they like
        return f"{type(error).__name__}: {error}"[:REASON_LENGTH]
    return ""


if __name__ == "__main__":
    run_child(main)
