"""A workspace with a data set, a network's predictions and a label audit, as the stages of a run leave them."""

import json
import uuid

import numpy as np
import pandas as pd

from data.manifest.table import build_manifest, write_manifest
from data.quality.label_corrections import empty_answers, write_audit_csv
from data.records.label_audit import LabelAudit, Suspect
from data.review.answer import Line
from data.workspace.layout import (
    AUDIT_NAME,
    AUDITS_STAGE,
    DATASETS_STAGE,
    IMAGES_FOLDER,
    IMAGES_STAGE,
    MANIFEST_NAME,
    SUMMARY_NAME,
    SUSPECTS_NAME,
    VARIANTS_STAGE,
)
from data.workspace.store import Workspace
from models.evaluation.predictions import name_columns
from models.jobs.files import PREDICTIONS_NAME
from tests.support.image_tree import write_image_tree
from tests.support.results_factory import make_data
from tests.support.seed_format import CLASSES


def make_audited_workspace(
    root, images_per_class=None, suspects=8, votes=None, answers=None, round_number=1, sample=()
):
    """Write the stages, and return the workspace's root.

    Args:
        root: of the workspace.
        images_per_class: split -> images of each class.
        suspects: images of train that are suspected, in the order of their paths; the doubt falls.
        votes: path -> votes for the classes, other, unknown, no_face.
        answers: of `read_answers`, with which the data set was made.
        round_number: makes another audit of the same data.
        sample: paths of its random sample.
    """
    workspace = Workspace(root)

    def write_images(out):
        write_image_tree(out / IMAGES_FOLDER, images_per_class or {"train": 6})

    images = workspace.produce(IMAGES_STAGE, {"images": images_per_class}, write_images)
    manifest = build_manifest(images.path / IMAGES_FOLDER).assign(part="train")
    if votes is not None:
        manifest["votes"] = [votes.get(path) for path in manifest["path"]]

    def write_dataset(out):
        write_manifest(manifest, out / MANIFEST_NAME)
        (out / SUMMARY_NAME).write_text(make_data().model_dump_json())

    dataset = workspace.produce(DATASETS_STAGE, {"of": images.key, "votes": votes}, write_dataset)
    network = workspace.produce(VARIANTS_STAGE, {"of": dataset.key}, lambda out: write_predictions(manifest, out))
    audit = make_audit(manifest, suspects).model_copy(update={"sample": sample})
    inputs = {
        "images": images.key,
        "dataset": dataset.key,
        "variants": [network.key],
        "round": round_number,
        "sample": list(sample),
    }

    def write_audit(out):
        (out / AUDIT_NAME).write_text(audit.model_dump_json())
        given = empty_answers() if answers is None else answers
        write_audit_csv(audit, manifest, given, out / SUSPECTS_NAME)

    workspace.produce(AUDITS_STAGE, inputs, write_audit)
    return root


def write_predictions(manifest, out):
    """Write a network that finds every image to be of the next class with 0.7, and of its own with 0.1."""
    labels = np.array([CLASSES.index(label) for label in manifest["label"]])
    probabilities = np.full((len(manifest), len(CLASSES)), 0.1)
    probabilities[np.arange(len(manifest)), (labels + 1) % len(CLASSES)] = 0.7
    frame = pd.DataFrame(probabilities, columns=pd.Index(name_columns(len(CLASSES))))
    frame.insert(0, "image_id", manifest["path"])
    frame.insert(1, "part", "test")
    frame.insert(2, "label", labels)
    frame.to_parquet(out / PREDICTIONS_NAME, index=False)


def make_audit(manifest, suspects):
    """Return an audit that suspects the first images, the first one most."""
    rows = manifest.head(suspects)
    found = tuple(
        Suspect(
            image_id=path,
            label=label,
            suggested_label=CLASSES[(CLASSES.index(label) + 1) % len(CLASSES)],
            suspicion=1 - (place + 1) / (2 * suspects),
        )
        for place, (path, label) in enumerate(zip(rows["path"], rows["label"], strict=True))
    )
    return LabelAudit(
        labels=CLASSES,
        images=len(manifest),
        agreement=0.8,
        images_per_class=tuple(int((manifest["label"] == name).sum()) for name in CLASSES),
        suspected_per_class=tuple(sum(one.label == name for one in found) for name in CLASSES),
        noise=tuple(tuple(map(float, row)) for row in np.eye(len(CLASSES))),
        suspects=found,
    )


def make_line(picture, choice="", at="2026-01-05T10:00:00+00:00", **changes):
    """Return an answer on a picture; without a choice, a picture that was skipped."""
    return Line(
        **{
            "id": uuid.uuid4().hex,
            "at": at,
            "kind": "answer" if choice else "skip",
            "pixel_sha256": picture,
            "votes": {choice: 1.0} if choice else {},
            **changes,
        }
    )


def picture_name(number):
    """Return a hash that no picture has."""
    return f"{number:064x}"


def read_lines(path):
    """Return the whole lines of a file of answers, in their order."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]
