"""Occlusions of sample faces: glasses, a hand, a strand of hair."""

from collections.abc import Callable

import numpy as np

from data.sample.canvas import Canvas, inside
from data.sample.person import Person, feature_place


def occlude(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Cover a part of some faces with glasses, a hand or a strand of hair."""
    kinds: list[Callable[[Canvas, Person, np.random.Generator], None] | None]
    kinds = [_paint_glasses, _paint_hand, _paint_strand, None]
    occlusion = kinds[int(rng.choice(len(kinds), p=[0.2, 0.07, 0.06, 0.67]))]
    if occlusion:
        occlusion(canvas, person, rng)


def _paint_glasses(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint rims, bridge and lenses, which are dark for a few."""
    rim, thickness, roundness = rng.uniform(0.04, 0.3), rng.uniform(0.012, 0.028), rng.uniform(2.0, 4.0)
    dark = rng.random() < 0.12
    for side in (-1, 1):
        centre, stretch = feature_place(person, side * person.eye_distance)
        across, down = np.abs(canvas.u - centre) / (0.25 * stretch), np.abs(canvas.v + 0.09) / 0.19
        lens = ((across**roundness + down**roundness) ** (1 / roundness) - 1) * 0.2
        canvas.paint((0.9 if dark else 0.08) * inside(lens), 0.1 if dark else 0.9)
        canvas.paint(inside(np.abs(lens) - thickness), rim)
        arm = np.maximum(np.abs(canvas.v + 0.14) - 0.016, 0.22 - side * (canvas.u - centre))
        canvas.paint(inside(np.maximum(arm, np.abs(canvas.u) - person.head_width)), rim)
    middle, _ = feature_place(person, 0.0)
    bridge = np.maximum(
        np.abs(canvas.v + 0.13 - 0.3 * (canvas.u - middle) ** 2) - 0.014, np.abs(canvas.u - middle) - 0.09
    )
    canvas.paint(inside(bridge), rim)


def _paint_hand(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint four fingers that reach over a cheek or the chin from one side."""
    side, reach, height = int(rng.choice([-1, 1])), rng.uniform(0.15, 0.45), rng.uniform(0.3, 0.6)
    angle = side * -rng.uniform(0.3, 0.8)
    for finger, shorter in enumerate((0.1, 0.0, 0.03, 0.14)):
        tip_u = side * (reach + 0.13 * finger - 0.15 + 0.5 * shorter)
        tip_v = height + shorter + 0.06 * finger
        across = (canvas.u - tip_u) * np.cos(angle) + (canvas.v - tip_v) * np.sin(angle)
        along = (canvas.v - tip_v) * np.cos(angle) - (canvas.u - tip_u) * np.sin(angle)
        distance = np.hypot(across, np.minimum(along, 0.0)) - 0.075
        canvas.paint(0.8 * inside(distance - 0.02, 0.06), person.skin * 0.5)
        canvas.paint(inside(distance), person.skin * (0.95 - 25 * across**2))


def _paint_strand(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint a lock of hair that falls over one eye."""
    side, width = int(rng.choice([-1, 1])), rng.uniform(0.05, 0.11)
    line = side * (0.12 + 0.45 * np.clip(canvas.v + 0.75, 0.0, 1.6) ** 1.3)
    taper = width * np.clip(1.1 - 0.8 * (canvas.v + 0.75), 0.0, 1.0)
    lock = np.maximum(np.abs(canvas.u - line) - taper, -0.75 - canvas.v)
    tone = person.hair * (0.85 + 0.2 * np.sin((canvas.u - line) * 90))
    canvas.paint(inside(lock, 0.05), tone)
