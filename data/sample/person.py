"""Random people and expressions for sample faces, and the geometry that all parts of a face share."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data.sample.canvas import Array, Canvas


class Expression(NamedTuple):
    """Muscles of a face; 0 is at rest, 1 or -1 strong."""

    corner_lift: float
    mouth_open: float
    mouth_width: float
    teeth: float
    brow_raise: float
    inner_brow_raise: float
    eye_open: float
    squint: float
    fold: float


AT_REST = Expression(
    corner_lift=0.0,
    mouth_open=0.0,
    mouth_width=0.0,
    teeth=0.0,
    brow_raise=0.0,
    inner_brow_raise=0.0,
    eye_open=0.0,
    squint=0.0,
    fold=0.15,
)

STRONG = {
    "happy": AT_REST._replace(corner_lift=1.0, mouth_open=0.55, mouth_width=0.8, teeth=1.0, squint=0.9, fold=1.0),
    "sad": AT_REST._replace(
        corner_lift=-0.9, mouth_width=-0.25, inner_brow_raise=1.0, eye_open=-0.45, squint=0.2, fold=0.45
    ),
    "surprise": AT_REST._replace(mouth_open=1.15, mouth_width=-0.5, teeth=0.25, brow_raise=1.0, eye_open=0.9),
}

EXPRESSION_SPREAD = Expression(
    corner_lift=0.16,
    mouth_open=0.06,
    mouth_width=0.2,
    teeth=0.1,
    brow_raise=0.2,
    inner_brow_raise=0.2,
    eye_open=0.18,
    squint=0.15,
    fold=0.15,
)
"""Standard deviation of each muscle between faces of one expression and intensity."""


def draw_expression(label: str, rng: np.random.Generator) -> Expression:
    """Blend from rest towards the expression; a neutral face leans a little towards any of the others."""
    if label == "neutral":
        target, intensity = STRONG[str(rng.choice(list(STRONG)))], rng.uniform(0.0, 0.24)
    else:
        target, intensity = STRONG[label], 0.26 + 0.84 * rng.beta(1.4, 1.3)
    if label == "happy" and rng.random() < 0.4:
        target = target._replace(mouth_open=0.0, teeth=0.0)
    if label == "sad" and rng.random() < 0.2:
        target = target._replace(mouth_open=0.3)
    values = np.array(AT_REST) + intensity * (np.array(target) - np.array(AT_REST))
    return Expression(*(values + rng.normal(0.0, EXPRESSION_SPREAD)).tolist())


@dataclass(frozen=True)
class Person:
    """Features of a face that do not depend on its expression."""

    skin: float
    hair: float
    hair_style: str
    hairline: float
    head_width: float
    jaw: float
    eye_distance: float
    eye_width: float
    iris: float
    gaze: tuple[float, float]
    brow_height: float
    brow_slant: float
    brow_thickness: float
    nose_width: float
    nose_length: float
    mouth_height: float
    mouth_width: float
    mouth_curve: float
    lip_fullness: float
    beard: float
    yaw: float


def draw_person(rng: np.random.Generator) -> Person:
    """Draw the features of one person."""
    skin = rng.uniform(0.42, 0.86)
    return Person(
        skin=skin,
        hair=rng.uniform(0.06, 0.3) if rng.random() < 0.75 else rng.uniform(0.4, 0.8) * min(1.0, skin + 0.2),
        hair_style=str(rng.choice(["short", "fringe", "parted", "long", "bald"], p=[0.34, 0.18, 0.16, 0.24, 0.08])),
        hairline=rng.uniform(-0.72, -0.56),
        head_width=rng.uniform(0.7, 0.8),
        jaw=rng.uniform(0.12, 0.34),
        eye_distance=rng.uniform(0.3, 0.35),
        eye_width=rng.uniform(0.15, 0.185),
        iris=rng.uniform(0.08, 0.4),
        gaze=(rng.normal(0.0, 0.025), rng.normal(0.0, 0.012)),
        brow_height=rng.normal(-0.335, 0.018),
        brow_slant=rng.normal(0.0, 0.018),
        brow_thickness=rng.uniform(0.022, 0.05),
        nose_width=rng.uniform(0.085, 0.13),
        nose_length=rng.uniform(0.19, 0.28),
        mouth_height=rng.uniform(0.5, 0.56),
        mouth_width=rng.uniform(0.23, 0.29),
        mouth_curve=rng.normal(0.0, 0.014),
        lip_fullness=rng.uniform(0.03, 0.065),
        beard=rng.uniform(0.25, 0.8) if rng.random() < 0.16 else 0.0,
        yaw=rng.normal(0.0, 0.4),
    )


def head_distance(canvas: Canvas, person: Person, margin: float = 0.0) -> Array:
    """Return the signed distance to the outline of the head: an ellipse that narrows towards the chin."""
    narrowing = 1 - person.jaw * np.clip(canvas.v + 0.05, 0.0, 1.0) ** 1.5
    width = (person.head_width + margin) * narrowing
    return (np.hypot(canvas.u / width, canvas.v / (1.0 + margin)) - 1) * person.head_width


def feature_place(person: Person, u: float, depth: float = 0.13) -> tuple[float, float]:
    """Return the horizontal place of a feature on the turned head, and the factor on its width."""
    return u * (1 - 0.06 * person.yaw**2) + depth * person.yaw, 1 - 0.16 * person.yaw * float(np.sign(u))
