"""Child command that labels the train part's views with a trained network: `python -m models.training.distill OUT`.

OUT/spec.json names the teacher and the views. The command resumes after the last labelled view in OUT, and writes a
file of probabilities for each view and teaching.json.
"""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.records.training import VariantResult
from data.system.child_process import emit, run_child
from data.system.hardware import peak_memory_bytes
from data.views.tfrecords import ViewsIndex, read_part
from data.workspace.atomic import write_atomically
from models.jobs.events import LabellingDone, Started, ViewLabelled
from models.jobs.files import NETWORK_NAME, RESULT_NAME, SPEC_NAME, TEACHING_NAME
from models.jobs.specs import TeachSpec
from models.networks.layers import FlipVote
from models.training.batches import EVALUATION_BATCH
from models.training.features import make_extraction
from models.training.runtime import ignore_keras_settings, use_threads
from models.training.soft_labels import SoftLabelsRecord, labels_path
from models.training.timing import PassWatch


def main() -> None:
    """Run the command on the directory named in the arguments."""
    started = time.monotonic()
    out = Path(sys.argv[1])
    spec = TeachSpec.model_validate_json((out / SPEC_NAME).read_bytes())
    ignore_keras_settings()
    use_threads(spec.threads)
    emit(Started())
    teaching = label_views(out, spec, started)
    emit(LabellingDone(views=teaching.views))


def label_views(out: Path, spec: TeachSpec, started: float) -> SoftLabelsRecord:
    """Label one view after the other, as many as the time allows, but at least one.

    Args:
        out: directory for the file of each view and for the record, which is written after each view.
        spec: what to label.
        started: `time.monotonic()` at the start of the child process; its time counts from there.

    Raises:
        PipelineError: the records do not exist, or the teacher predicts NaN.
    """
    earlier = load_record(out) or start_record(spec.teacher)
    record, label = earlier, make_labeller(spec)
    for view in range(earlier.views, spec.views):
        if not has_time(record, spec.most_seconds):
            break
        np.save(labels_path(out, view), label(view))
        record = earlier.model_copy(
            update={
                "views": view + 1,
                "core_seconds": round(earlier.core_seconds + time.process_time(), 1),
                "wall_seconds": round(earlier.wall_seconds + time.monotonic() - started, 1),
                "peak_memory_bytes": max(earlier.peak_memory_bytes, peak_memory_bytes()),
            }
        )
        write_atomically(out / TEACHING_NAME, record.model_dump_json(indent=1))
        emit(ViewLabelled(view=view, views=spec.views))
    return record


def load_record(out: Path) -> SoftLabelsRecord | None:
    """Read the record of an earlier start, or return None."""
    return SoftLabelsRecord.load(out) if (out / TEACHING_NAME).exists() else None


def start_record(teacher: Path) -> SoftLabelsRecord:
    """Return the record before the first view, with the cost of the teacher."""
    result = VariantResult.model_validate_json((teacher / RESULT_NAME).read_bytes())
    return SoftLabelsRecord(
        teacher=result.name,
        teacher_core_seconds=result.core_seconds,
        teacher_wall_seconds=result.wall_seconds,
        peak_memory_bytes=result.peak_memory_bytes,
    )


def has_time(record: SoftLabelsRecord, most_seconds: float) -> bool:
    """Return whether there is time for another view, estimated by the mean time of the views before.

    Args:
        record: of the views before.
        most_seconds: wall seconds for all views; 0 is no limit.
    """
    needed = record.wall_seconds * (record.views + 1) / max(record.views, 1)
    return not record.views or not most_seconds or needed <= most_seconds


def disable_test_time_shift(network: keras.Model) -> None:
    """Stop a network from averaging over shifted copies of an image, because the images of a view are shifted already.

    The network is changed in place; it must not have run before.
    """
    for layer in network.layers:
        if isinstance(layer, FlipVote):
            layer.shift_pixels = 0
        elif isinstance(layer, keras.Model):
            disable_test_time_shift(layer)


def make_labeller(spec: TeachSpec) -> Callable[[int], NDArray[np.float32]]:
    """Return a function from a view to the teacher's float32 (images, classes) for its images in stored order."""
    network: Any = keras.saving.load_model(spec.teacher / NETWORK_NAME)
    disable_test_time_shift(network)
    predict, images = make_extraction(network), ViewsIndex.load(spec.records).count("train")

    def label(view: int) -> NDArray[np.float32]:
        watch, blocks = PassWatch("train", view, images, math.inf, event="teaching"), []
        for pixels, _ in read_part(spec.records, "train", view=view, batch_size=EVALUATION_BATCH):
            blocks.append(predict(pixels).numpy())
            watch.advance(len(pixels))
        labels = np.concatenate(blocks)
        if not np.isfinite(labels).all():
            raise PipelineError(
                f"got predictions of {spec.teacher / NETWORK_NAME} for view {view} that are not numbers, expected "
                "probabilities: train it again with --force"
            )
        return labels

    return label


if __name__ == "__main__":
    run_child(main)
