"""Search for the image of a data set that another tool means by a path, an address or a hash of pixels."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

UPLOADED = re.compile(r"(?:.*/)?upload/(?:\d+/)?[0-9a-f]{8}-([^/]+)")
"""Path of a file that was uploaded to Label Studio: its name begins with a part of a random number."""


NOT_USED = ""
"""Instead of the hash of the pixels of an image that was set aside."""


class Picture(NamedTuple):
    """An image that was found."""

    image_id: str
    pixel_sha256: str


class ImageFinder:
    """Images of a data set, by their pixels, their paths, and the ends of their paths.

    Args:
        images: path and hash of the pixels of each.
        set_aside: paths of images that the data set does not use; a name that may mean one of them means none.
    """

    def __init__(self, images: Iterable[tuple[str, str]], set_aside: Iterable[str] = ()) -> None:
        self._by_pixels: dict[str, Picture] = {}
        self._by_path: dict[str, Picture] = {}
        self._by_name: dict[str, list[Picture]] = {}
        for path, pixels in images:
            picture = Picture(path, pixels)
            self._by_pixels.setdefault(pixels, picture)
            self._by_path.setdefault(path, picture)
            self._by_name.setdefault(path.rsplit("/", 1)[-1], []).append(picture)
        for path in set_aside:
            if path not in self._by_path:
                self._by_name.setdefault(path.rsplit("/", 1)[-1], []).append(Picture(path, NOT_USED))

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
        if text in self._by_path:  # before it is read as an address: "%20" may be a part of a name
            return self._by_path[text]
        path = _path_of(text)
        if path in self._by_path:
            return self._by_path[path]
        fitting = self._fitting(path)
        one_picture = len({one.pixel_sha256 for one in fitting}) == 1
        return fitting[0] if one_picture and fitting[0].pixel_sha256 != NOT_USED else None

    def _fitting(self, path: str) -> list[Picture]:
        """Return the images whose paths end as a path does, or that have the name of an uploaded file."""
        if uploaded := UPLOADED.fullmatch(path):
            return self._by_name.get(uploaded[1], [])
        same_name = self._by_name.get(path.rsplit("/", 1)[-1], [])
        return [one for one in same_name if _ends_alike(one.image_id, path)]


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
