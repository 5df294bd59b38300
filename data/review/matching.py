"""Search for the image of a data set that another tool means by a path, an address or a hash of pixels."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""Name of a file that was uploaded to Label Studio: it begins with a part of a random number."""


class Picture(NamedTuple):
    """An image that was found."""

    image_id: str
    pixel_sha256: str


class ImageFinder:
    """Images of a data set, by their pixels, their paths, and the ends of their paths.

    Args:
        images: path and hash of the pixels of each.
    """

    def __init__(self, images: Iterable[tuple[str, str]]) -> None:
        self._by_pixels: dict[str, Picture] = {}
        self._by_path: dict[str, Picture] = {}
        self._by_name: dict[str, list[Picture]] = {}
        for path, pixels in images:
            picture = Picture(path, pixels)
            self._by_pixels.setdefault(pixels, picture)
            self._by_path.setdefault(path, picture)
            self._by_name.setdefault(path.rsplit("/", 1)[-1], []).append(picture)

    def find_any(self, names: Mapping[str, str]) -> Picture | None:
        """Return the image that fields name: by the hash of its pixels if there is one, else by path or address."""
        if names.get("pixel_sha256"):
            return self._by_pixels.get(names["pixel_sha256"].strip().lower())
        ordered = [names[key] for key in ("image_id", "image") if key in names]
        found = (self.find(text) for text in ordered or names.values())
        return next((picture for picture in found if picture), None)

    def find(self, text: str) -> Picture | None:
        """Return the image that a path or an address means; None if there is none, or several.

        A path may begin with other folders than the data set's, or lack the first of them.

        Example:
            >>> finder = ImageFinder([("train/sad/7.jpg", "a" * 64), ("test/sad/8.jpg", "b" * 64)])
            >>> finder.find("/data/local-files/?d=faces/train/sad/7.jpg").image_id
            'train/sad/7.jpg'
            >>> finder.find("/data/upload/3/0d1f2a3b-8.jpg").image_id
            'test/sad/8.jpg'
        """
        path = _path_of(text)
        if path in self._by_path:
            return self._by_path[path]
        name = path.rsplit("/", 1)[-1]
        uploaded = UPLOADED.fullmatch(name)
        same_name = self._by_name.get(name, [])
        fitting = [one for one in same_name if _ends_alike(one.image_id, path)]
        if not fitting and uploaded:
            fitting = self._by_name.get(uploaded[1], [])
        return fitting[0] if len({one.pixel_sha256 for one in fitting}) == 1 else None


def _path_of(text: str) -> str:
    """Return the path in a local path or an address, with plain slashes and characters."""
    try:
        parts = urlsplit(text)
        asked = parse_qs(parts.query).get("d")
    except ValueError:
        return text
    if asked:
        return asked[0].strip("/")
    plain = parts.path if parts.scheme or "%" in parts.path else text
    return unquote(plain).replace("\\", "/").strip("/")


def _ends_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long == short or long.endswith(f"/{short}")
