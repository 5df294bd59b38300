"""Where faces lie in training images, and whether detected crops can be told from them, for docs/photos.md.

Run it from the checkout: `python -m benchmarks.champion.face_crops IMAGES.zip [--images 2000]`. The images are cropped
faces. Each is enlarged four times and searched for its face: where the detector's box lies gives the margin of crops.
Then each is cropped again with the margin, and a classifier tries to tell the crops from the images.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.base.data_format import SEED_FORMAT
from data.photos.crop import crop_face, measure_side, measure_tilt, place_nose
from data.photos.detector import FaceFinder
from data.photos.found_face import FoundFace

ENLARGEMENT = 4
COMPONENTS = 60
EXPOSURES = (0.85, 1.0, 1.15)
"""Margins, as multiples of the one in use, whose crops a classifier tries to tell from the images."""


def read_images(archive: Path, count: int) -> NDArray[np.uint8]:
    """Read a seeded sample of the train images of a zip: uint8 (count, 48, 48)."""
    with zipfile.ZipFile(archive) as files:
        names = sorted(name for name in files.namelist() if "train/" in name and name.endswith((".jpg", ".png")))
        chosen = np.random.default_rng(0).choice(names, min(count, len(names)), replace=False)
        return np.stack([np.asarray(Image.open(io.BytesIO(files.read(name))).convert("L")) for name in chosen])


def enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image as a small photo in RGB."""
    side = ENLARGEMENT * image.shape[0]
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS).convert("RGB"))


def describe(face: FoundFace, side: int) -> dict[str, float]:
    """Return where a face lies in its image of this side, as shares of the side."""
    longer = max(face.box.width, face.box.height)
    middle = (face.box.left + face.box.width / 2, face.box.top + face.box.height / 2)
    right, left = (np.array(point) for point in face.landmarks[:2])
    return {
        "side of the image over the longer side of the box": side / longer,
        "middle of the image right of that of the box, in longer sides": (side / 2 - middle[0]) / longer,
        "middle of the image below that of the box, in longer sides": (side / 2 - middle[1]) / longer,
        "distance of the eyes over the side of the image": float(np.hypot(*(left - right))) / side,
        "place of the nose between the eyes": place_nose(face),
        "tilt in degrees": measure_tilt(face),
    }


def tell_apart(images: NDArray[np.uint8], crops: NDArray[np.uint8]) -> float:
    """Return the cross-validated AUC of telling crops from images; an image and its crop are in one fold."""
    pixels = np.concatenate([images, crops]).reshape(2 * len(images), -1).astype(np.float32)
    truth, groups = np.repeat([0, 1], len(images)), np.tile(np.arange(len(images)), 2)
    model = make_pipeline(StandardScaler(), PCA(COMPONENTS, random_state=0), LogisticRegression(max_iter=1000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, pixels, truth, groups=groups, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(truth, scores))


def main() -> None:
    """Print the distributions and the AUCs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    options = parser.parse_args()
    images, finder = read_images(options.archive, options.images), FaceFinder()
    photos = [enlarge(image) for image in images]
    found = [max(faces, key=measure_side, default=None) for faces in map(finder.find, photos)]
    kept = [number for number, face in enumerate(found) if face]
    print(f"a face is found in {len(kept)} of {len(images)} images")
    rows = [describe(face, photos[0].shape[0]) for face in found if face]
    print("| | 0.5 % | 5 % | median | 95 % | 99.5 % |\n|---|---|---|---|---|---|")
    for name in rows[0]:
        shares = np.percentile([row[name] for row in rows], [0.5, 5, 50, 95, 99.5])
        print(f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} |")
    for exposure in EXPOSURES:
        crops = [crop_face(photos[number], _grow(found[number], exposure), SEED_FORMAT)[:, :, 0] for number in kept]
        print(f"margin times {exposure}: AUC {tell_apart(images[kept], np.stack(crops)):.3f}", flush=True)


def _grow(face: FoundFace | None, exposure: float) -> FoundFace:
    """Return a face whose box is larger by a factor, about its middle."""
    if face is None:
        raise ValueError("got no face, expected one of those that were found")
    box, grow = face.box, exposure - 1
    changed = {
        "left": box.left - grow * box.width / 2,
        "top": box.top - grow * box.height / 2,
        "width": box.width * exposure,
        "height": box.height * exposure,
    }
    return face.model_copy(update={"box": box.model_copy(update=changed)})


if __name__ == "__main__":
    main()
