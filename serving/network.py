"""Exported network in ONNX Runtime: from crops of faces to calibrated probabilities."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base.errors import PipelineError
from data.records.export import ExportBundle

if TYPE_CHECKING:
    import onnxruntime

LARGEST_BATCH = 32
"""Crops that are scored at once. Larger batches are no faster on one core, and need more memory."""


class ScoringNetwork:
    """Exported network that answers on one core; several threads may use it at once.

    Args:
        path: file of the network in ONNX.
        bundle: what the network is, with its temperature and labels.

    Raises:
        PipelineError: ONNX Runtime is not installed, or the file is none of this network.
    """

    def __init__(self, path: Path, bundle: ExportBundle) -> None:
        self.bundle = bundle
        self._session = _open_session(path)
        (given,), outputs = self._session.get_inputs(), self._session.get_outputs()
        self._input = given.name
        shapes = (list(given.shape[1:]), list(outputs[0].shape[1:]))
        expected = (list(bundle.data_format.shape), [len(bundle.data_format.labels)])
        if shapes != expected:
            raise PipelineError(
                f"got a network from {shapes[0]} to {shapes[1]} in {path}, expected {expected[0]} to {expected[1]} as "
                "its bundle says: export it again with emotion export"
            )

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score crops; a crop has the same answer alone and among others.

        Args:
            crops: uint8 (n, height, width, channels), 0..255, in the data format of the network; n may be 0.

        Returns:
            Calibrated probabilities, (n, labels), 0..1, rows summing to 1.
        """
        from models.evaluation.calibration import scale_by_temperature

        if not len(crops):
            return np.empty((0, len(self.bundle.data_format.labels)))
        batches = (crops[start : start + LARGEST_BATCH] for start in range(0, len(crops), LARGEST_BATCH))
        raw = [self._session.run(None, {self._input: batch.astype(np.float32)})[0] for batch in batches]
        return scale_by_temperature(np.concatenate([np.asarray(part) for part in raw]), self.bundle.temperature)


def _open_session(path: Path) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime
    except ImportError as error:
        raise PipelineError(
            "got no onnxruntime, which runs exported networks, expected the extra serve: install the package with "
            'pip install "emotion-retraining[photos,serve]", or run make in a checkout'
        ) from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone: a warning would stand between the answers
    try:
        session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen of its own, with no common base
        raise PipelineError(
            f"got {path}, which ONNX Runtime cannot load ({error}), expected an exported network: export it again with "
            "emotion export"
        ) from error
    return session
