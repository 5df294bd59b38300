"""Seeded corrupter: damages a data set on disk in one of many ways, and returns the damaged files."""

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from data.base.parts import SPLITS
from tests.support.seed_format import CLASSES, IMAGE_SIZE

Paths = list[str]
"""POSIX paths relative to the data set's root."""

BOMB_SIDE = 60_000
"""Pixels. A picture of this width and height would take 3.6 GB of memory: `Image.open` refuses to tell its size."""

LARGE_SIDE = 8_000
"""Pixels. A picture of this width and height takes 64 MB, which Pillow would decode."""


def corrupt(root: Path, kind: str, seed: int = 0) -> Paths:
    """Damage a data set of `<split>/<label>/<N>.jpg` files with at least 3 images in each folder, in one way.

    Args:
        root: the data set, changed in place.
        kind: one of `CORRUPTIONS`, `LOSSES` or `TREATMENTS`.
        seed: picks the harmed split, class and image.

    Returns:
        The files that now have a fault, sorted; empty if the fault is that files are missing.
    """
    return sorted((CORRUPTIONS | LOSSES | TREATMENTS)[kind](root, np.random.default_rng(seed)))


def write_promise(path: Path, side: int) -> None:
    """Write a PNG of a few hundred bytes that promises `side` x `side` pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1_000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def _draw_folder(root: Path, random: np.random.Generator) -> Path:
    return root / str(random.choice(SPLITS)) / str(random.choice(CLASSES))


def _draw_file(folder: Path, random: np.random.Generator) -> Path:
    return folder / str(random.choice(sorted(path.name for path in folder.glob("*.jpg"))))


def _relative(root: Path, *paths: Path) -> Paths:
    return [path.relative_to(root).as_posix() for path in paths]


def _copying(from_split: str, to_split: str, same_class: bool = True) -> Callable[[Path, np.random.Generator], Paths]:
    """Return a corruption that puts a copy of an image into another place; the copy is at fault."""

    def copy(root: Path, random: np.random.Generator) -> Paths:
        labels = [str(label) for label in random.permutation(CLASSES)]
        original = _draw_file(root / from_split / labels[0], random)
        target = root / to_split / labels[0 if same_class else 1] / "z_copy.jpg"
        shutil.copyfile(original, target)
        return _relative(root, *([target] if same_class else [original, target]))

    return copy


def _reencoded_copy(root: Path, random: np.random.Generator) -> Paths:
    label = str(random.choice(CLASSES))
    target = root / "train" / label / "z_copy.png"
    with Image.open(_draw_file(root / "test" / label, random)) as image:
        image.save(target)
    return _relative(root, target)


def _altered_copy(
    from_split: str, to_split: str, alter: Callable[[Image.Image], Image.Image], same_class: bool = True
) -> Callable[[Path, np.random.Generator], Paths]:
    """Return a corruption that puts an altered copy of an image into another place."""

    def copy(root: Path, random: np.random.Generator) -> Paths:
        labels = [str(label) for label in random.permutation(CLASSES)]
        original = _draw_file(root / from_split / labels[0], random)
        target = root / to_split / labels[0 if same_class else 1] / "z_altered.jpg"
        with Image.open(original) as image:
            alter(image).save(target)
        return _relative(root, *([target] if same_class else [original, target]))

    return copy


def _harming(harm: Callable[[Path, np.random.Generator], None]) -> Callable[[Path, np.random.Generator], Paths]:
    """Return a corruption that harms one image in its place."""

    def apply(root: Path, random: np.random.Generator) -> Paths:
        path = _draw_file(_draw_folder(root, random), random)
        harm(path, random)
        return _relative(root, path)

    return apply


def _dim(image: Image.Image) -> Image.Image:
    return image.point(lambda level: level * 0.8)


def _blank(path: Path, random: np.random.Generator) -> None:
    Image.new("L", (IMAGE_SIZE, IMAGE_SIZE), int(random.integers(256))).save(path)


def _truncate(path: Path, random: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * random.uniform(0.4, 0.8))])


def _replace_by_text(path: Path, random: np.random.Generator) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\n")


def _replacing_by_pointers(*splits: str) -> Callable[[Path, np.random.Generator], Paths]:
    """Return a corruption that leaves text in place of every image of some splits, as a clone without LFS does."""

    def replace(root: Path, random: np.random.Generator) -> Paths:
        paths = [path for split in splits for path in (root / split).rglob("*.jpg")]
        for path in paths:
            _replace_by_text(path, random)
        return _relative(root, *paths)

    return replace


def _treating_train(treat: Callable[[Image.Image], Image.Image]) -> Callable[[Path, np.random.Generator], Paths]:
    """Return a corruption that treats every train image alike, as a later publisher may have done."""

    def apply(root: Path, random: np.random.Generator) -> Paths:
        paths = list((root / "train").rglob("*.jpg"))
        for path in paths:
            with Image.open(path) as image:
                treat(image).save(path, quality=95)
        return _relative(root, *paths)

    return apply


def _through(side: int) -> Callable[[Image.Image], Image.Image]:
    """Return a treatment that shrinks an image and enlarges it to its former size."""
    return lambda image: image.resize((side, side)).resize((IMAGE_SIZE, IMAGE_SIZE))


def _crop(image: Image.Image) -> Image.Image:
    return image.crop((4, 4, IMAGE_SIZE - 4, IMAGE_SIZE - 4)).resize((IMAGE_SIZE, IMAGE_SIZE))


def _remove_train(root: Path, random: np.random.Generator) -> Paths:
    shutil.rmtree(root / "train")
    return []


def _empty(path: Path, random: np.random.Generator) -> None:
    path.write_bytes(b"")


def _save_as_gif(path: Path, random: np.random.Generator) -> None:
    with Image.open(path) as image:
        image.save(path, format="GIF")


def _colour(path: Path, random: np.random.Generator) -> None:
    pixels = random.integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="PNG")


def _resize(path: Path, random: np.random.Generator) -> None:
    side = IMAGE_SIZE + int(random.integers(1, 20))
    with Image.open(path) as image:
        image.resize((side, IMAGE_SIZE)).save(path)


def _enlarge(path: Path, random: np.random.Generator) -> None:
    write_promise(path, LARGE_SIDE)


def _inflate(path: Path, random: np.random.Generator) -> None:
    write_promise(path, BOMB_SIDE)


def _remove_class(root: Path, random: np.random.Generator) -> Paths:
    shutil.rmtree(_draw_folder(root, random))
    return []


def _remove_split(root: Path, random: np.random.Generator) -> Paths:
    shutil.rmtree(root / str(random.choice(("train", "validation"))))
    return []


def _moving(target: Callable[[Path, Path], Path]) -> Callable[[Path, np.random.Generator], Paths]:
    """Return a corruption that moves one image to `target(root, path)`."""

    def move(root: Path, random: np.random.Generator) -> Paths:
        path = _draw_file(_draw_folder(root, random), random)
        place = target(root, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
        return _relative(root, place)

    return move


def _thin_test(root: Path, random: np.random.Generator) -> Paths:
    """Leave one image of one test class, and two of the others, so that the split stays balanced."""
    scarce = str(random.choice(CLASSES))
    for label in CLASSES:
        for path in sorted((root / "test" / label).glob("*.jpg"))[1 if label == scarce else 2 :]:
            path.unlink()
    return []


def _thin_train_class(root: Path, random: np.random.Generator) -> Paths:
    """Leave two images of one train class."""
    for path in sorted((root / "train" / str(random.choice(CLASSES))).glob("*.jpg"))[2:]:
        path.unlink()
    return []


def _remove_image(root: Path, random: np.random.Generator) -> Paths:
    _draw_file(root / "train" / str(random.choice(CLASSES)), random).unlink()
    return []


CORRUPTIONS: dict[str, Callable[[Path, np.random.Generator], Paths]] = {
    "train_copy_of_validation": _copying("validation", "train"),
    "train_copy_of_test_as_png": _reencoded_copy,
    "validation_image_in_test": _copying("test", "validation"),
    "copy_within_train": _copying("train", "train"),
    "copy_within_test": _copying("test", "test"),
    "mirrored_train_copy_of_test": _altered_copy("test", "train", ImageOps.mirror),
    "dimmed_test_image_in_validation": _altered_copy("test", "validation", _dim),
    "dimmed_face_two_labels": _altered_copy("train", "train", _dim, same_class=False),
    "one_face_two_labels": _copying("test", "test", same_class=False),
    "blank_image": _harming(_blank),
    "truncated_file": _harming(_truncate),
    "oversized_image": _harming(_enlarge),
    "decompression_bomb": _harming(_inflate),
    "text_named_jpg": _harming(_replace_by_text),
    "empty_file": _harming(_empty),
    "gif_named_jpg": _harming(_save_as_gif),
    "colour_image": _harming(_colour),
    "wrong_size": _harming(_resize),
    "unknown_split": _moving(lambda root, path: root / "holdout" / path.parent.name / path.name),
    "unknown_class": _moving(lambda root, path: path.parent.parent / "disgust" / path.name),
    "file_beside_classes": _moving(lambda root, path: path.parent.parent / path.name),
    "file_beside_splits": _moving(lambda root, path: root / path.name),
    "nested_folder": _moving(lambda root, path: path.parent / "more" / path.name),
    "missing_class": _remove_class,
    "missing_split": _remove_split,
    "too_few_images": _thin_test,
    "unbalanced_classes": _thin_train_class,
    "image_short_of_published": _remove_image,
}
"""Corruptions of a data set; each kind breaks one rule."""

LOSSES: dict[str, Callable[[Path, np.random.Generator], Paths]] = {
    "validation_and_test_of_pointers": _replacing_by_pointers("validation", "test"),
    "train_of_pointers": _replacing_by_pointers("train"),
    "all_of_pointers": _replacing_by_pointers(*SPLITS),
    "no_train": _remove_train,
}
"""Corruptions that leave nothing to train on or to judge by; files that are not images also break a rule for files."""

TREATMENTS: dict[str, Callable[[Path, np.random.Generator], Paths]] = {
    "blurred_train": _treating_train(lambda image: image.filter(ImageFilter.GaussianBlur(1))),
    "equalised_train": _treating_train(ImageOps.equalize),
    "rescaled_train": _treating_train(_through(32)),
    "cropped_train": _treating_train(_crop),
    "inverted_train": _treating_train(ImageOps.invert),
}
"""Treatments that make one split unlike the others, though each image is valid; seen only with enough images."""
