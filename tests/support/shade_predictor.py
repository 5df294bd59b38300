"""A predictor whose answer is known beforehand, for tests of what is around it: light decides between two labels."""

import io

import numpy as np
from PIL import Image

from data.base.data_format import DataFormat
from data.photos.found_face import Box, FoundFace
from data.photos.reading import PhotoLimits, PhotoRefused, read_photo
from data.records.export import ExportBundle
from serving.answers import FaceAnswer, PhotoAnswer

LABELS = ("dark", "light")
LIMITS = PhotoLimits(max_pixels=1_000_000)


def make_bundle(**changes):
    known = {
        "variant": "shade",
        "variant_key": "0123456789abcdef",
        "data_format": DataFormat(labels=LABELS),
        "temperature": 1.0,
        "threshold": 0.6,
        "validation_images": 400,
        "accuracy": 0.8,
        "accuracy_low": 0.76,
        "accuracy_high": 0.84,
        "accepted_accuracy": 0.9,
        "recalls": (0.7, 0.9),
        "parameters": 10,
        "formats": (),
    }
    return ExportBundle.model_validate({**known, **changes})


class ShadePredictor:
    """Takes every picture for one face that fills it; `before` is called before each answer."""

    def __init__(self, version="shade/1", before=lambda: None, faces=1):
        self.version, self.bundle, self.before, self.faces = version, make_bundle(), before, faces
        self.network = self

    def predict_image(self, image, name):
        self.before()
        try:
            pixels = read_photo(image, LIMITS).pixels.mean(axis=2, dtype=np.float32)
        except PhotoRefused as refused:
            return PhotoAnswer(source=name, outcome=refused.outcome, message=str(refused), version=self.version)
        height, width = pixels.shape
        probabilities = tuple(self.probabilities(pixels[None, ..., None])[0].tolist())
        face = FaceAnswer(
            face=FoundFace(box=Box(left=0, top=0, width=width, height=height), certainty=0.9, landmarks=((1, 1),) * 5),
            label=LABELS[int(np.argmax(probabilities))],
            certainty=max(probabilities),
            uncertain=max(probabilities) < self.bundle.threshold,
            probabilities=probabilities,
        )
        faces = (face,) * self.faces
        return PhotoAnswer(source=name, outcome="faces", width=width, height=height, faces=faces, version=self.version)

    def probabilities(self, faces):
        light = faces.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - light, light], axis=1)


def picture(light=200, side=64, kind="PNG"):
    """Return the bytes of a plain picture."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (light,) * 3).save(file, kind)
    return file.getvalue()
