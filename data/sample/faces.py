"""Drawing of synthetic gray faces: identity, expression, pose, lighting, occlusion and noise.

A face is painted in face coordinates (see `data.sample.canvas`). Expressions are blended from weak to strong and every
person differs, so that the classes overlap as real ones do.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data.sample.canvas import FACE_SIDE, SUPERSAMPLING, Array, Canvas, draw_pose, inside
from data.sample.occlusion import occlude
from data.sample.person import Expression, Person, draw_expression, draw_person, feature_place, head_distance


def draw_face(label: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one face.

    Args:
        label: the expression, one of `SEED_FORMAT.labels`.
        rng: draws person, intensity, pose, light, occlusion and noise.

    Returns:
        Gray pixels, uint8 (48, 48), 0..255.
    """
    person = draw_person(rng)
    expression = draw_expression(label, rng)
    canvas = draw_pose(rng)
    _paint_background(canvas, person, rng)
    _paint_head(canvas, person)
    for side in (-1, 1):
        _paint_eye(canvas, person, expression, side)
        _paint_brow(canvas, person, expression, side)
    _paint_nose(canvas, person)
    _paint_mouth(canvas, person, expression)
    _paint_beard(canvas, person, expression)
    _light_head(canvas, person, expression, rng)
    _paint_hair(canvas, person, rng)
    occlude(canvas, person, rng)
    return _develop(canvas.pixels, rng)


def _paint_background(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint the background of the head: a blurred room, long hair, the neck and clothes."""
    slope_x, slope_y = rng.normal(0.0, 0.12, 2)
    canvas.pixels += rng.uniform(0.12, 0.85) + slope_x * canvas.x + slope_y * canvas.y
    for _ in range(3):
        place_x, place_y, amount = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.normal(0.0, 0.14)
        spread = rng.uniform(0.08, 0.5)
        canvas.pixels += amount * np.exp(-((canvas.x - place_x) ** 2 + (canvas.y - place_y) ** 2) / spread)
    if person.hair_style == "long":
        outline = np.maximum(np.abs(canvas.u) - 0.86 - 0.1 * canvas.v, np.hypot(canvas.u, canvas.v) - 1.35)
        canvas.paint(inside(np.where(canvas.v < 0, head_distance(canvas, person, 0.13), outline)), person.hair * 0.8)
    neck = inside(np.maximum(np.abs(canvas.u) - 0.4, 0.5 - canvas.v), 0.06)
    canvas.paint(neck, person.skin * (0.5 + 0.15 * np.clip(canvas.v - 0.8, 0, 1)))
    canvas.paint(inside(1.1 + 0.22 * np.abs(canvas.u) ** 2 - canvas.v, 0.05), rng.uniform(0.08, 0.85))


def _paint_head(canvas: Canvas, person: Person) -> None:
    """Paint ears and skin."""
    for side in (-1, 1):
        ear = np.hypot((canvas.u - side * (person.head_width - 0.005)) / 0.085, (canvas.v - 0.06) / 0.2) - 1
        canvas.paint(inside(ear * 0.085), person.skin * (0.82 - 0.2 * canvas.blob(side * 0.78, 0.06, 0.04, 0.1)))
    canvas.paint(inside(head_distance(canvas, person)), person.skin)


def _paint_eye(canvas: Canvas, person: Person, expression: Expression, side: int) -> None:
    """Paint an eye between its lids: white, iris, pupil, glint, lashes and the crease above."""
    centre, stretch = feature_place(person, side * person.eye_distance)
    eye_v, width = -0.11, person.eye_width * stretch
    canvas = canvas.window(centre, eye_v, 0.42, 0.3)
    along = np.clip((canvas.u - centre) / width, -1.25, 1.25)
    arch = np.clip(1 - along**2, 0.0, 1.0)
    opening = max(0.035, 0.092 * (1 + 0.75 * expression.eye_open - 0.3 * expression.squint))
    slant = -0.02 * side * along * (1 - 1.4 * max(0.0, expression.inner_brow_raise))
    upper = eye_v + slant - opening * arch**0.75
    lower = eye_v + slant + (0.055 + 0.012 * expression.eye_open - 0.05 * expression.squint) * arch
    ball = inside(np.maximum(upper - canvas.v, canvas.v - lower)) * inside(np.abs(along) * width - width)
    canvas.paint(0.45 * canvas.blob(centre - side * 0.02, eye_v - 0.09, width * 1.2, 0.1), person.skin * 0.72)
    canvas.paint(ball, 0.84 - 0.3 * np.abs(along) ** 3)
    iris_u, iris_v = centre + person.gaze[0], eye_v - 0.012 + person.gaze[1]
    radius = np.hypot(canvas.u - iris_u, canvas.v - iris_v)
    canvas.paint(ball * inside(radius - 0.082), person.iris)
    canvas.paint(ball * inside(radius - 0.04), 0.03)
    canvas.paint(ball * inside(np.hypot(canvas.u - iris_u + 0.03, canvas.v - iris_v + 0.035) - 0.02), 0.95)
    within = inside(np.abs(along) * width - width, 0.05)
    canvas.paint(0.9 * within * inside(np.abs(canvas.v - upper + 0.006) - 0.012 - 0.01 * arch), 0.07)
    canvas.paint(0.4 * within * inside(np.abs(canvas.v - lower - 0.006) - 0.008), person.skin * 0.45)
    canvas.paint(0.4 * within * inside(np.abs(canvas.v - upper + 0.065) - 0.008, 0.04), person.skin * 0.55)
    bag = 0.25 + 0.35 * max(0.0, expression.squint)
    canvas.paint(bag * within * inside(np.abs(canvas.v - lower - 0.06) - 0.01, 0.05), person.skin * 0.7)


def _paint_brow(canvas: Canvas, person: Person, expression: Expression, side: int) -> None:
    """Paint a brow: raised and arched in surprise, its inner end raised in sadness."""
    centre, stretch = feature_place(person, side * (person.eye_distance + 0.01))
    width = (person.eye_width + 0.065) * stretch
    canvas = canvas.window(centre, -0.42, 0.4, 0.42)
    outward = np.clip(side * (canvas.u - centre) / width, -1.2, 1.2)
    height = person.brow_height - 0.11 * expression.brow_raise - 0.03 * expression.inner_brow_raise
    tilt = 0.012 + person.brow_slant + 0.075 * expression.inner_brow_raise
    arch = 0.045 + 0.03 * max(0.0, expression.brow_raise)
    line = height + tilt * outward - arch * (1 - (outward - 0.2) ** 2)
    thickness = person.brow_thickness * (1 - 0.45 * np.clip(outward, 0.0, 1.0))
    mask = inside(np.abs(canvas.v - line) - thickness, 0.04) * inside((np.abs(outward) - 1) * width, 0.06)
    canvas.paint(0.88 * mask, min(person.hair, 0.55 * person.skin) * 0.8)
    wrinkle = 0.3 * max(0.0, expression.brow_raise) + 0.15 * max(0.0, expression.inner_brow_raise)
    for level in (0.13, 0.22):
        crease = inside(np.abs(canvas.v - line + level) - 0.006, 0.04) * inside(np.abs(outward) - 0.9, 0.4)
        canvas.paint(wrinkle * crease, person.skin * 0.55)


def _paint_nose(canvas: Canvas, person: Person) -> None:
    """Paint nostrils and the shadow under the nose; its body comes from the light."""
    centre, _ = feature_place(person, 0.0, 0.19)
    tip = person.nose_length
    canvas = canvas.window(centre, tip, 0.35, 0.2)
    canvas.paint(0.4 * canvas.blob(centre, tip + 0.07, person.nose_width * 1.1, 0.035), person.skin * 0.45)
    for side in (-1, 1):
        canvas.paint(0.85 * canvas.blob(centre + side * 0.052, tip + 0.045, 0.033, 0.02), 0.06)
        wing = canvas.blob(centre + side * (person.nose_width + 0.012), tip + 0.01, 0.022, 0.05)
        canvas.paint(0.4 * wing, person.skin * 0.5)


def _mouth_lines(canvas: Canvas, person: Person, expression: Expression) -> tuple[Array, Array, Array, float]:
    """Return the place along the mouth (-1..1), the inner edges of upper and lower lip, and the mouth's half width."""
    centre, _ = feature_place(person, 0.0, 0.15)
    opening = max(0.0, expression.mouth_open)
    width = person.mouth_width * (1 + 0.32 * expression.mouth_width)
    along = np.clip((canvas.u - centre) / width, -1.3, 1.3)
    lift = 0.1 * expression.corner_lift + person.mouth_curve
    middle = person.mouth_height + lift * (0.45 - along**2)
    gap = np.sqrt(np.clip(1 - along**2, 0.0, 1.0))
    return along, middle - 0.09 * opening * gap, middle + 0.2 * opening * gap, width


def _paint_mouth(canvas: Canvas, person: Person, expression: Expression) -> None:
    """Paint lips, the open mouth with its teeth, the line of a closed mouth, and the folds around it."""
    canvas = canvas.window(feature_place(person, 0.0, 0.15)[0], person.mouth_height, 0.65, 0.45)
    along, upper, lower, width = _mouth_lines(canvas, person, expression)
    arch = np.clip(1 - along**2, 0.0, 1.0)
    within = inside((np.abs(along) - 1) * width, 0.05)
    bow = person.lip_fullness * (0.8 * arch**0.6 - 0.25 * np.exp(-((along / 0.16) ** 2)))
    lip_top, lip_bottom = upper - bow, lower + person.lip_fullness * 1.25 * arch**0.7
    lips = within * inside(np.maximum(lip_top - canvas.v, canvas.v - lip_bottom), 0.04)
    canvas.paint(0.75 * lips, person.skin * np.where(canvas.v < (upper + lower) / 2, 0.58, 0.72))
    shine = within * inside(np.abs(canvas.v - (lower + lip_bottom) / 2) - 0.008, 0.05) * arch
    canvas.paint(0.35 * shine, person.skin * 1.05)
    inner = within * inside(np.maximum(upper - canvas.v, canvas.v - lower))
    canvas.paint(inner, 0.07)
    teeth = np.clip(expression.teeth, 0.0, 1.0)
    canvas.paint(teeth * inner * inside(canvas.v - upper - 0.085 * arch**0.5), 0.93 - 0.3 * np.abs(along) ** 2)
    canvas.paint(0.8 * within * inside(np.abs(canvas.v - (upper + lower) / 2) - 0.011) * (1 - inner), 0.12)
    below = np.exp(-(((canvas.v - lip_bottom - 0.05) / 0.035) ** 2)) * inside(np.abs(along) - 0.6, 0.5)
    canvas.paint(0.35 * below, person.skin * 0.55)
    _paint_folds(canvas, person, expression, width)


def _paint_folds(canvas: Canvas, person: Person, expression: Expression, width: float) -> None:
    """Paint the folds from the nose past the corners of the mouth, and the corners' dimples."""
    centre, _ = feature_place(person, 0.0, 0.15)
    corner_v = person.mouth_height - 0.055 * expression.corner_lift
    strength = float(np.clip(expression.fold, 0.0, 1.0))
    for side in (-1, 1):
        start, end = centre + side * (person.nose_width + 0.03), centre + side * (width + 0.075)
        progress = np.clip((canvas.v - person.nose_length) / (corner_v - person.nose_length + 0.04), 0.0, 1.0)
        line = start + (end - start) * progress**0.75
        span = inside(np.abs(canvas.v - (person.nose_length + corner_v) / 2 - 0.02) - 0.16, 0.12)
        canvas.paint(0.45 * strength * span * np.exp(-(((canvas.u - line) / 0.025) ** 2)), person.skin * 0.5)
        canvas.paint(0.55 * canvas.blob(centre + side * (width + 0.012), corner_v, 0.03, 0.035), person.skin * 0.42)


def _paint_beard(canvas: Canvas, person: Person, expression: Expression) -> None:
    """Paint a beard and moustache that leave the lips free."""
    if not person.beard:
        return
    along, upper, lower, _ = _mouth_lines(canvas, person, expression)
    cheeks = np.hypot(canvas.u / 0.56, (canvas.v - 0.12) / 0.4) - 1
    moustache = np.maximum(0.36 - canvas.v, canvas.v - upper) + 0.1 * along**2
    hair = np.maximum(inside(-cheeks, 0.5) * inside(0.1 - canvas.v, 0.3), inside(moustache, 0.08))
    lips = np.hypot(along / 1.05, (canvas.v - (upper + lower) / 2) / (0.05 + (lower - upper) / 2)) - 1
    mask = hair * inside(head_distance(canvas, person), 0.05) * inside(-lips, 0.3)
    canvas.paint(person.beard * mask, person.hair * 0.9)


def _light_head(canvas: Canvas, person: Person, expression: Expression, rng: np.random.Generator) -> None:
    """Shade the head as a relief under one lamp."""
    azimuth, elevation = rng.normal(0.0, 0.75), rng.normal(0.45, 0.3)
    lamp = np.array([np.sin(azimuth), -np.sin(elevation), 1.15 * np.cos(azimuth)])
    lamp = (lamp / np.linalg.norm(lamp)).astype(np.float32)
    step = 2 / (FACE_SIDE * SUPERSAMPLING)
    slope_y, slope_x = np.gradient(_relief(canvas, person, expression), step)
    facing = (lamp[2] - lamp[0] * slope_x - lamp[1] * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    ambient = rng.uniform(0.3, 0.6)
    light = ambient + (1.22 - ambient) * np.clip(facing, 0.0, 1.0)
    canvas.pixels *= 1 + inside(head_distance(canvas, person)) * (light - 1)


def _relief(canvas: Canvas, person: Person, expression: Expression) -> Array:
    """Return the height of the face above the image plane: skull, brow ridge, sockets, nose, cheeks, mouth, chin."""
    roundness = np.hypot(canvas.u / (person.head_width + 0.06), canvas.v / 1.08)
    height = 0.62 * np.sqrt(np.clip(1.0 - roundness**2, 0.03, 1.0))
    nose_u, _ = feature_place(person, 0.0, 0.19)
    bridge = np.clip((canvas.v + 0.3) / (person.nose_length + 0.3), 0.0, 1.0)
    ridge = bridge * inside(canvas.v - person.nose_length - 0.03, 0.1)
    height += 0.17 * ridge * np.exp(-(((canvas.u - nose_u * bridge) / (0.05 + 0.6 * person.nose_width * bridge)) ** 2))
    cheek = 0.035 + 0.06 * max(0.0, expression.corner_lift)
    for side in (-1, 1):
        eye_u, _ = feature_place(person, side * person.eye_distance)
        height -= 0.05 * canvas.blob(eye_u, -0.1, 0.17, 0.11)
        height += 0.03 * canvas.blob(eye_u, -0.32, 0.25, 0.09)
        height += cheek * canvas.blob(eye_u * 1.2, 0.2, 0.2, 0.16)
    mouth_u, _ = feature_place(person, 0.0, 0.15)
    height += 0.05 * canvas.blob(mouth_u, person.mouth_height, 0.3, 0.16)
    return height + 0.05 * canvas.blob(mouth_u, 0.86, 0.2, 0.13)


def _paint_hair(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Paint the hair over the forehead and at the sides, in strands."""
    phase, parting, volume = rng.uniform(0.0, 6.3, 3).tolist(), rng.uniform(-0.4, 0.4), rng.uniform(0.07, 0.17)
    if person.hair_style == "bald":
        return
    line = _hairline(canvas, person, parting) + 0.015 * np.sin(canvas.u * 19 + phase[0])
    front = np.maximum(head_distance(canvas, person, volume), canvas.v - line)
    long = person.hair_style == "long"
    sides = np.maximum(
        head_distance(canvas, person, volume if long else 0.03),
        person.head_width - (0.08 if long else 0.06) - np.abs(canvas.u),
    )
    sides = np.maximum(sides, canvas.v - (1.1 if long else -0.08))
    strands = np.sin(canvas.u * 31 + 3 * canvas.v + phase[1]) + 0.7 * np.sin(canvas.u * 53 - 9 * canvas.v + phase[2])
    gloss = canvas.blob(0.2 * float(np.sign(parting)), -0.85, 0.5, 0.16)
    tone = person.hair * (1 + 0.13 * strands + 0.55 * gloss) + 0.03 * gloss
    canvas.paint(inside(np.minimum(front, sides), 0.09), np.clip(tone, 0.02, 1.0))


def _hairline(canvas: Canvas, person: Person, parting: float) -> Array:
    """Return the height v above which a head of this style has hair."""
    outward = np.abs(canvas.u)
    if person.hair_style == "fringe":
        return person.hairline + 0.16 + 0.3 * outward**2
    if person.hair_style == "parted":
        return person.hairline - 0.16 + 0.6 * np.abs(canvas.u - parting) ** 1.1
    if person.hair_style == "long":
        return person.hairline - 0.08 + 1.5 * np.abs(canvas.u - 0.3 * parting) ** 2.2
    return person.hairline - 0.04 - 0.35 * outward**2 + 3.2 * np.maximum(outward - 0.36, 0.0) ** 1.5


def _develop(pixels: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn tones into the picture of a poor camera: exposure, contrast, blur and noise at the final size."""
    fine = pixels.reshape(FACE_SIDE, SUPERSAMPLING, FACE_SIDE, SUPERSAMPLING)
    tones = np.clip(fine.mean(axis=(1, 3)), 0.0, 1.15)
    contrast, exposure = rng.uniform(0.6, 1.1), rng.normal(0.0, 0.08)
    tones = (tones - 0.5) * contrast + 0.5 + exposure
    picture = Image.fromarray(np.clip(tones * 255, 0, 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 0.85)))
    noisy = np.asarray(picture, np.float32) + rng.normal(0.0, contrast * rng.uniform(1.0, 6.5), tones.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
