"""Let a trained network label the train part's views: the child command `python -m models.training.distill OUT`.

OUT/spec.json says who labels what. The command goes on after the last labelled view it finds there, and leaves a file
of probabilities for each view and teaching.json.
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
from models.training.runtime import use_threads
from models.training.soft_labels import Teaching, labels_path
from models.training.timing import PassWatch


def main() -> None:
    """Run the command on the directory named in the arguments."""
    started = time.monotonic()
    out = Path(sys.argv[1])
    spec = TeachSpec.model_validate_json((out / SPEC_NAME).read_text())
    use_threads(spec.threads)
    emit(Started())
    teaching = label_views(out, spec, started)
    emit(LabellingDone(views=teaching.views))


def label_views(out: Path, spec: TeachSpec, started: float) -> Teaching:
    """Label one view after the other, as far as the time allows, but one at least.

    Args:
        out: gets a file for each view, and the record once a view is whole.
        spec: what to label.
        started: `time.monotonic()` at the start of the child, from which its time counts.

    Raises:
        PipelineError: no such records, or a teacher whose answers are no numbers.
    """
    earlier = load_teaching(out) or begin_teaching(spec.teacher)
    teaching, label = earlier, make_labeller(spec)
    for view in range(earlier.views, spec.views):
        if not has_time(teaching, spec.most_seconds):
            break
        np.save(labels_path(out, view), label(view))
        teaching = earlier.model_copy(
            update={
                "views": view + 1,
                "core_seconds": round(earlier.core_seconds + time.process_time(), 1),
                "wall_seconds": round(earlier.wall_seconds + time.monotonic() - started, 1),
                "peak_memory_bytes": max(earlier.peak_memory_bytes, peak_memory_bytes()),
            }
        )
        write_atomically(out / TEACHING_NAME, teaching.model_dump_json(indent=1))
        emit(ViewLabelled(view=view, views=spec.views))
    return teaching


def load_teaching(out: Path) -> Teaching | None:
    """Return the record of an earlier start, or None."""
    return Teaching.load(out) if (out / TEACHING_NAME).exists() else None


def begin_teaching(teacher: Path) -> Teaching:
    """Return the record before the first view: what the teacher itself has cost."""
    result = VariantResult.model_validate_json((teacher / RESULT_NAME).read_text())
    return Teaching(
        teacher=result.name,
        teacher_core_seconds=result.core_seconds,
        teacher_wall_seconds=result.wall_seconds,
        peak_memory_bytes=result.peak_memory_bytes,
    )


def has_time(teaching: Teaching, most_seconds: float) -> bool:
    """Return whether another view, taken to last as the ones before on average, ends within the seconds; 0 is none."""
    needed = teaching.wall_seconds * (teaching.views + 1) / max(teaching.views, 1)
    return not teaching.views or not most_seconds or needed <= most_seconds


def answer_once(network: keras.Model) -> None:
    """Let a network that shifts images before it answers take them as they lie: the views are shifted already.

    The network is changed in place; it must not have run before.
    """
    for layer in network.layers:
        if isinstance(layer, FlipVote):
            layer.shift_pixels = 0
        elif isinstance(layer, keras.Model):
            answer_once(layer)


def make_labeller(spec: TeachSpec) -> Callable[[int], NDArray[np.float32]]:
    """Return a function from a view to the teacher's float32 (images, classes) for its images in written order."""
    network: Any = keras.saving.load_model(spec.teacher / NETWORK_NAME)
    answer_once(network)
    predict, images = make_extraction(network), ViewsIndex.load(spec.records).count("train")

    def label(view: int) -> NDArray[np.float32]:
        watch, blocks = PassWatch("train", view, images, math.inf, event="teaching"), []
        for pixels, _ in read_part(spec.records, "train", view=view, batch_size=EVALUATION_BATCH):
            blocks.append(predict(pixels).numpy())
            watch.advance(len(pixels))
        labels = np.concatenate(blocks)
        if not np.isfinite(labels).all():
            raise PipelineError(
                f"got answers of {spec.teacher / NETWORK_NAME} to view {view} that are no numbers, expected "
                "probabilities: train it again with --force"
            )
        return labels

    return label


if __name__ == "__main__":
    run_child(main)
