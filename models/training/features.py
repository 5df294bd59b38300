"""Features of a frozen backbone, computed once per view and stored in the workspace.

A frozen backbone gives an image the same features in every epoch, so the head is trained on stored ones. Each view is
one directory of a workspace stage: one process writes it while others wait, and a killed process leaves no directory.
The key depends on the network up to the backbone's output, its weights, the records and the code, so variants with the
same backbone share their features.

Source: the "bottleneck features" of Yosinski et al., "How transferable are features in deep neural networks?", 2014.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.views.tfrecords import ViewsIndex, read_part
from data.workspace.digests import digest_sources, hash_json
from data.workspace.layout import FEATURES_STAGE
from data.workspace.store import Workspace
from models.networks.layers import Backbone
from models.training.timing import OutOfTime, PassWatch

FEATURES_NAME = "features.npy"

LABELS_NAME = "labels.npy"

FEATURE_DTYPE = np.dtype(np.float16)

BATCH_IMAGES = 64

TIMED_BATCHES = 4


class FrozenNetwork(NamedTuple):
    """A network split after its frozen backbone; both halves share layers and weights with it."""

    extractor: keras.Model
    """Network from pixels (batch, height, width, channels), 0..255, to features (batch, height, width, channels)."""
    head: keras.Model
    """Network from features to probabilities (batch, classes)."""


class Features(NamedTuple):
    """The features and labels of one view of one part, in stored order."""

    values: NDArray[np.float16]
    """(images, height, width, channels); memory-mapped from the file."""
    labels: NDArray[np.int32]
    """(images,), indices into the labels of the data set."""


def split_frozen(model: keras.Model) -> FrozenNetwork | None:
    """Split a network after its backbone, or return None if it has no backbone or the backbone is trained.

    Args:
        model: a sequence of layers, as all variants are.
    """
    places = [place for place, layer in enumerate(model.layers) if isinstance(layer, Backbone)]
    if not places or any(layer.trainable_weights for layer in model.layers[: places[0] + 1]):
        return None
    features = model.layers[places[0]].output
    extractor = keras.Model(model.input, features, name="extractor")
    return FrozenNetwork(extractor, keras.Model(features, model.output, name=model.name))


class FeatureStore:
    """Stored features of one directory of records, computed by one extractor.

    Args:
        root: directory of the workspace that stores them.
        records: directory of the TFRecords.
        extractor: network from pixels to features, with its weights.
    """

    def __init__(self, root: Path, records: Path, extractor: keras.Model) -> None:
        self.workspace, self.records, self.extractor = Workspace(root), records, extractor
        self.index = ViewsIndex.load(records)
        self.extract = make_extraction(extractor)

    @cached_property
    def network(self) -> str:
        """Return a digest of the extractor: its layers with their settings, and its weights."""
        digest = hashlib.sha256(json.dumps(self.extractor.get_config(), sort_keys=True, default=str).encode())
        for weight in self.extractor.get_weights():
            digest.update(weight.tobytes())
        return digest.hexdigest()

    def has(self, part: str, view: int = 0) -> bool:
        """Return whether the features of a view are stored."""
        return self.workspace.find(FEATURES_STAGE, hash_json(self._inputs(part, view))) is not None

    def load(self, part: str, view: int = 0, deadline: float = math.inf) -> Features:
        """Load the features of a view of a part; compute and store them first if they are not stored.

        Args:
            part: train, selection, validation or test.
            view: 0 is the original.
            deadline: `time.monotonic()` at which to give up.

        Raises:
            OutOfTime: the deadline came first.
            PipelineError: the records do not exist, features are too large for float16, or the disk is full.
        """
        watch = PassWatch(part, view, sum(file.images for file in self.index.select(part, view)), deadline)
        write = partial(self._write, part, view, watch)
        try:
            stored = self.workspace.produce(
                FEATURES_STAGE,
                self._inputs(part, view),
                write,
                verify=True,
                give_up=watch.is_late,
                need=lambda: FEATURE_DTYPE.itemsize * math.prod(self._shape(watch)),
            )
        except PipelineError as error:  # raised by the workspace after a wait for another writer
            raise (OutOfTime() if time.monotonic() >= deadline else error) from error
        values = np.load(stored.path / FEATURES_NAME, mmap_mode="r")
        return Features(values, np.load(stored.path / LABELS_NAME))

    def sample(self) -> tuple[Features, float]:
        """Compute the features of a few train images, and the seconds per image of a pass."""
        batches = read_part(self.records, "train", batch_size=BATCH_IMAGES).take(1 + TIMED_BATCHES)
        values, labels, ends = [], [], []
        for images, of_images in batches:
            values.append(self.extract(images).numpy())
            labels.append(of_images.numpy())
            ends.append(time.monotonic())
        timed = slice(1, None) if len(ends) > 1 else slice(0, 0)  # the first batch includes tracing
        images = sum(len(block) for block in values[timed])
        seconds = (ends[-1] - ends[0]) / images if images else 0.0
        return Features(np.concatenate(values).astype(FEATURE_DTYPE), np.concatenate(labels)), seconds

    def _inputs(self, part: str, view: int) -> dict[str, Any]:
        return {
            "network": self.network,
            "records": [file.sha256 for file in self.index.select(part, view)],
            "code": digest_sources([__name__]),
        }

    def _shape(self, watch: PassWatch) -> tuple[int, ...]:
        return (watch.images, *self.extractor.output_shape[1:])

    def _write(self, part: str, view: int, watch: PassWatch, out: Path) -> None:
        """Write features and labels in batches; with a memory-mapped file a full disk would kill the process."""
        shape = self._shape(watch)
        labels: list[NDArray[np.int32]] = []
        try:
            with (out / FEATURES_NAME).open("wb") as file:
                header = {"descr": FEATURE_DTYPE.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for block, of_block in self._blocks(part, view):
                    file.write(block.tobytes())
                    labels.append(of_block)
                    watch.advance(len(block))
            np.save(out / LABELS_NAME, np.concatenate(labels))
        except OSError as error:
            size = math.prod(shape) * FEATURE_DTYPE.itemsize / 1e6
            raise PipelineError(
                f"got {error} while writing {size:.0f} MB of features of {part}, view {view}, below {out}, expected "
                "enough free space: free some, or set cache_features=False in this variant's TrainConfig"
            ) from error

    def _blocks(self, part: str, view: int) -> Iterator[tuple[NDArray[np.float16], NDArray[np.int32]]]:
        for images, labels in read_part(self.records, part, view=view, batch_size=BATCH_IMAGES):
            exact = self.extract(images).numpy()
            if not np.all(np.abs(exact) <= np.finfo(FEATURE_DTYPE).max):
                raise PipelineError(
                    f"got a feature of {np.abs(exact).max()} in {part}, view {view}, expected at most "
                    f"{np.finfo(FEATURE_DTYPE).max}, the largest float16 number: check that the weights file of the "
                    "backbone is complete, or set cache_features=False in this variant's TrainConfig"
                )
            yield exact.astype(FEATURE_DTYPE), labels.numpy()


def make_extraction(extractor: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a compiled function from uint8 pixels (n, height, width, channels) to float32, traced once for all n."""
    pixels = tf.TensorSpec((None, *extractor.input_shape[1:]), tf.uint8)
    return tf.function(lambda images: tf.cast(extractor(images, training=False), tf.float32), input_signature=[pixels])
