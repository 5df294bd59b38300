"""The package fer beside the champion: faces found, false faces and core-seconds on the same photos.

fer 25.10.3 needs NumPy 1 and so a Python environment of its own:
    uv venv --python 3.11 /tmp/fer
    uv pip install --python /tmp/fer 'numpy<2' 'tensorflow-cpu<2.19' 'opencv-contrib-python-headless<4.11' \
        pandas requests tqdm Pillow matplotlib 'setuptools<80'
    uv pip install --python /tmp/fer --no-deps fer==25.10.3 scikit-image
Run from the checkout: `python -m benchmarks.champion.fer_package EXPORT /tmp/fer/bin/python [PHOTO=FACES ...]`. EXPORT
is the directory of an export. PHOTO is a path and FACES the number of faces that a person sees in it. Both read files,
find the faces and score each, in one thread. What fer names the expressions is not compared: its network was trained
on FER2013, and the champion on other images.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.champion.face_scenes import CASES, Case
from benchmarks.command import run_command
from data.base.markdown import table_lines
from data.sample.scenes import PlacedFace, draw_scene

SCENES = 10
NEAR, RATIO = 0.3, 2.0
"""A face counts as found if its middle lies within this share of the true side, and its side within this factor."""

ASK_FER = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
import cv2, tensorflow
from fer.fer import FER
cv2.setNumThreads(1)
network = FER(mtcnn=sys.argv[1] == "mtcnn")
network.detect_emotions(cv2.imread(sys.argv[2]))
for path in sys.argv[2:]:
    started = time.process_time()
    boxes = [[int(side) for side in face["box"]] for face in network.detect_emotions(cv2.imread(path))]
    print(json.dumps({"path": path, "boxes": boxes, "seconds": time.process_time() - started}), flush=True)
"""


class Photo(NamedTuple):
    """A photo, and what is known of its faces."""

    case: str
    path: Path
    placed: tuple[PlacedFace, ...] = ()
    """Of a generated scene."""
    faces: int = 0
    """Number of faces that there are."""


class Answered(NamedTuple):
    """Boxes (left, top, width, height) in a photo, and the core-seconds of finding and scoring them."""

    boxes: list[list[float]]
    seconds: float


Ask = Callable[[Sequence[Path]], list[Answered]]


def draw_photos(folder: Path) -> Iterator[Photo]:
    """Write the scenes as the JPEG files that a case asks for; fer reads only what OpenCV reads."""
    for case in CASES:
        for seed in range(SCENES if case.encode is CASES[0].encode else 0):
            yield _draw(case, seed, folder)


def _draw(case: Case, seed: int, folder: Path) -> Photo:
    scene = draw_scene(case.size, case.sides, np.random.default_rng(seed), case.tilt)
    path = folder / f"{case.name} {case.size[0]} {seed}.jpg".replace(" ", "_")
    path.write_bytes(case.encode(scene.pixels))
    return Photo(f"{case.name}, {case.size[0]}x{case.size[1]}", path, scene.faces, len(scene.faces))


def ask_champion(export: Path) -> Ask:
    """Return a function that asks the champion's predictor."""
    from serving.predictor import Predictor

    predictor = Predictor(export, faces="find")

    def ask(paths: Sequence[Path]) -> list[Answered]:
        predictor.predict_image(paths[0].read_bytes())  # the first answer loads the detector
        answers = []
        for path in paths:
            started = time.process_time()
            (answer,) = predictor.predict(path)
            boxes = [one.face.box for one in answer.faces if one.face]
            answers.append(
                Answered([[box.left, box.top, box.width, box.height] for box in boxes], time.process_time() - started)
            )
        return answers

    return ask


def ask_fer(python: str, detector: str) -> Ask:
    """Return a function that asks fer in its own environment."""

    def ask(paths: Sequence[Path]) -> list[Answered]:
        threads = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        lines = run_command([python, "-c", ASK_FER, detector, *map(str, paths)], threads).printed
        return [Answered(line["boxes"], line["seconds"]) for line in lines]

    return ask


def count_matches(photo: Photo, boxes: Sequence[Sequence[float]]) -> int:
    """Count the faces that were found; without known places, as many as there are faces and boxes."""
    if not photo.placed:
        return min(photo.faces, len(boxes))
    left, count = list(boxes), 0
    for placed in photo.placed:
        near = next((box for box in left if _is_at(box, placed)), None)
        if near:
            left.remove(near)
            count += 1
    return count


def _is_at(box: Sequence[float], placed: PlacedFace) -> bool:
    x, y, width, height = box
    apart = np.hypot(x + width / 2 - placed.x, y + height / 2 - placed.y)
    return bool(apart < NEAR * placed.side and 1 / RATIO < max(width, height) / placed.side < RATIO)


def summarise(case: str, photos: Sequence[Photo], answers: Sequence[Sequence[Answered]]) -> list[str]:
    """Return the row of a case: of each program the faces found, false faces, and median core-seconds a photo."""
    cells = [case, str(len(photos))]
    for of_program in answers:
        found = [count_matches(photo, answer.boxes) for photo, answer in zip(photos, of_program, strict=True)]
        false = sum(len(answer.boxes) for answer in of_program) - sum(found)
        seconds = np.median([answer.seconds for answer in of_program])
        cells.append(f"{sum(found)} of {sum(photo.faces for photo in photos)}, {false} false, {seconds:.2f} s")
    return cells


def main() -> None:
    """Print the table."""
    export, python, *shipped = sys.argv[1:]
    programs = {"ours": ask_champion(Path(export)), "fer": ask_fer(python, "haar")}
    with tempfile.TemporaryDirectory() as folder:
        named = [one.rpartition("=") for one in shipped]
        photos = [*draw_photos(Path(folder)), *(Photo(Path(path).name, Path(path), (), int(n)) for path, _, n in named)]
        answers = {name: ask([photo.path for photo in photos]) for name, ask in programs.items()}
    rows = []
    for case in dict.fromkeys(photo.case for photo in photos):
        of_case = [number for number, photo in enumerate(photos) if photo.case == case]
        chosen = [[of_program[number] for number in of_case] for of_program in answers.values()]
        rows.append(summarise(case, [photos[number] for number in of_case], chosen))
    print("\n".join(table_lines(["photos", "number", *programs], rows)))


if __name__ == "__main__":
    main()
