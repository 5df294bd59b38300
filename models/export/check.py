"""Child command that runs one format in its own runtime: `python -m models.export.check WORK`.

WORK/spec.json says which format. The command writes its probabilities on the validation images, how long it takes to
start, and how long one image takes. Only that runtime is loaded.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from data.base.errors import PipelineError
from data.records.export import ExportFormat
from data.system.child_process import emit, run_child
from models.export.jobs import ANSWERS_NAME, TIMES_NAME, CheckSpec, Times
from models.jobs.events import Done, Started
from models.jobs.files import SPEC_NAME

if TYPE_CHECKING:
    import numpy as np

    Predict = Callable[[np.ndarray], np.ndarray]

BATCH_IMAGES = 64
WARMUP_CALLS, TIMED_CALLS, TIMED_SECONDS = 5, 300, 3.0
"""Single images are timed up to this number of calls, or for so long."""


def main() -> None:
    """Run the command on the directory named in the arguments."""
    work = Path(sys.argv[1])
    spec = CheckSpec.model_validate_json((work / SPEC_NAME).read_bytes())
    emit(Started())
    started = time.perf_counter()
    predict = load_format(spec.format, spec.path)
    start_seconds = time.perf_counter() - started
    import numpy as np

    pixels = np.load(spec.pixels, mmap_mode="r")
    require_numbers(predict, pixels.shape[1:])
    single = time_single(predict, pixels)
    batches = (pixels[at : at + BATCH_IMAGES].astype(np.float32) for at in range(0, len(pixels), BATCH_IMAGES))
    np.save(work / ANSWERS_NAME, np.concatenate([predict(batch) for batch in batches]).astype(np.float32))
    times = Times(start_seconds=start_seconds, single_milliseconds=single)
    (work / TIMES_NAME).write_text(times.model_dump_json(), encoding="utf-8")
    emit(Done())


def load_format(name: ExportFormat, path: Path) -> "Predict":
    """Load a format in its runtime; returns the function from float32 pixels to float32 probabilities."""
    if name == "saved_model":
        from models.export.saved_model import load_saved_model

        return load_saved_model(path)
    if name == "onnx":
        from models.export.onnx_file import load_onnx

        return load_onnx(path)
    from models.export.litert import load_litert

    return load_litert(path)


def require_numbers(predict: "Predict", shape: tuple[int, ...]) -> None:
    """Check that images of one colour have an answer; no validation image is like them.

    Raises:
        PipelineError: the answer has values that are no numbers.
    """
    import numpy as np

    for value in (0, 127, 255):
        answer = predict(np.full((1, *shape), value, np.float32))
        if not np.isfinite(answer).all():
            raise PipelineError(
                f"an image whose pixels are all {value} has the answer {answer.tolist()}, expected numbers"
            )


def time_single(predict: "Predict", pixels: "np.ndarray") -> float:
    """Time single images one after the other; returns the median in milliseconds."""
    import numpy as np

    seconds: list[float] = []
    first = time.perf_counter()
    for call in range(WARMUP_CALLS + TIMED_CALLS):
        image = pixels[call % len(pixels)][np.newaxis].astype(np.float32)
        started = time.perf_counter()
        predict(image)
        seconds.append(time.perf_counter() - started)
        if call > WARMUP_CALLS and time.perf_counter() - first > TIMED_SECONDS:
            break
    return 1000 * float(np.median(seconds[WARMUP_CALLS:]))


if __name__ == "__main__":
    run_child(main)
