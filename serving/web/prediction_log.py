"""Log of answers, only where a person asked for it: hashes and probabilities, no pixels and no names of files."""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from data.base.errors import PipelineError
from serving.answers import PhotoAnswer

logger = logging.getLogger(__name__)


class PredictionLog:
    """File with one JSON line an image, which only its owner can read.

    Args:
        path: of the file, which is made if needed; lines are added at its end.

    Raises:
        PipelineError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise PipelineError(
                f"got {path} for the log of answers, which cannot be written ({error.strerror}): name a file in a "
                "folder that exists and is yours"
            ) from error

    def add(self, data: bytes, answer: PhotoAnswer, labels: Sequence[str]) -> None:
        """Add the answer on an image; a full disk costs the line, not the answer."""
        line = json.dumps(
            {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "sha256": hashlib.sha256(data).hexdigest(),
                "version": answer.version,
                "outcome": answer.outcome,
                "faces": [
                    {
                        "outcome": face.outcome,
                        "label": face.label,
                        "uncertain": face.uncertain,
                        "probabilities": dict(zip(labels, face.probabilities, strict=False)),
                    }
                    for face in answer.faces
                ],
            }
        )
        try:
            with self._lock:
                os.write(self._file, line.encode() + b"\n")
        except OSError as error:
            logger.warning("an answer is missing in %s (%s)", self.path, error.strerror)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
