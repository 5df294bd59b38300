"""Photos in blocks that another process or host can score, since each has the content of its files and the network."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from data.photos.reading import PhotoRefused
from data.records.export import BUNDLE_NAME
from data.system.threads import map_ahead
from models.export.bundle import require_format
from serving.answers import FaceMode
from serving.predictor import Predictor
from serving.score.files import LIMITS, PhotoMark, ScoreFile
from serving.score.parts import answer_rows
from serving.sources import PhotoSource, photo_of, refused_photo

BLOCK_PHOTOS = 100
BLOCK_BYTES = 8 << 20
"""A block ends after so many photos or bytes."""

READ_AT_ONCE = 8
"""Photos that are read at the same time, because each address has its answer only after a while."""

Rows = list[dict[str, Any]]
"""Rows of one photo in the scores, at least one."""


class NetworkFiles(NamedTuple):
    """All that is needed to score on another host."""

    version: str
    faces: FaceMode
    files: tuple[tuple[str, bytes], ...]
    """Relative path and content of each."""


class PhotoBlock(NamedTuple):
    """Photos that are scored together."""

    network: NetworkFiles
    photos: tuple[tuple[PhotoMark, PhotoSource], ...]
    """Each is read without a file."""


def read_network(predictor: Predictor) -> NetworkFiles:
    """Read the files that a predictor was loaded from."""
    paths = (predictor.directory / BUNDLE_NAME, require_format(predictor.directory, "onnx"))
    files = tuple((path.relative_to(predictor.directory).as_posix(), path.read_bytes()) for path in paths)
    return NetworkFiles(predictor.version, predictor.faces, files)


def cut_blocks(files: Iterable[ScoreFile], network: NetworkFiles) -> Iterator[PhotoBlock]:
    """Read photos into blocks, in their order; a photo that cannot be read gets an answer that says why."""
    photos: list[tuple[PhotoMark, PhotoSource]] = []
    size = 0
    for mark, photo, photo_bytes in map_ahead(_read, files, READ_AT_ONCE):
        photos.append((mark, photo))
        size += photo_bytes
        if len(photos) == BLOCK_PHOTOS or size >= BLOCK_BYTES:
            yield PhotoBlock(network, tuple(photos))
            photos, size = [], 0
    if photos:
        yield PhotoBlock(network, tuple(photos))


def _read(file: ScoreFile) -> tuple[PhotoMark, PhotoSource, int]:
    """Read a photo, and return it with the bytes of its file."""
    try:
        content = file.content()
    except PhotoRefused as error:
        return file.mark, refused_photo(file.photo.name, str(error), error.outcome), 0
    return file.mark, photo_of(content, file.photo.name, LIMITS), len(content)


def score_block(block: PhotoBlock) -> list[Rows]:
    """Score the photos of a block, in their order."""
    return list(answer_photos(_load(block.network), block.photos))


def answer_photos(predictor: Predictor, photos: Iterable[tuple[PhotoMark, PhotoSource]]) -> Iterator[Rows]:
    """Yield the rows of each photo, in their order."""
    marks: deque[PhotoMark] = deque()

    def read() -> Iterator[PhotoSource]:
        for mark, photo in photos:
            marks.append(mark)
            yield photo

    labels = predictor.bundle.data_format.labels
    for one in predictor.predict_with_crops(read()):
        yield list(answer_rows(marks.popleft(), one.answer, one.crops, labels, datetime.now(UTC)))


@lru_cache(maxsize=1)
def _load(network: NetworkFiles) -> Predictor:
    """Load a network, or take the one of the block before."""
    with TemporaryDirectory(prefix="emotion-network-") as folder:
        for name, content in network.files:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return Predictor(Path(folder), network.version, network.faces)
