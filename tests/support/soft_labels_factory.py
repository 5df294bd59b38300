"""Soft labels without a teacher, drawn at random."""

from pathlib import Path

import numpy as np

from models.jobs.files import TEACHING_NAME
from models.training.soft_labels import SoftLabelsRecord, labels_path
from tests.support.seed_format import CLASSES


def write_soft_labels(directory: Path, views: int, images: int, **teaching) -> np.ndarray:
    """Write soft labels, no two of them equal; returns them, float32 (views, images, classes)."""
    directory.mkdir(parents=True, exist_ok=True)
    labels = np.random.default_rng(11).dirichlet(np.ones(len(CLASSES)), (views, images)).astype(np.float32)
    for view in range(views):
        np.save(labels_path(directory, view), labels[view])
    record = SoftLabelsRecord(teacher="ensemble", views=views, **teaching)
    (directory / TEACHING_NAME).write_text(record.model_dump_json())
    return labels
