"""Where a backbone's ImageNet weights are: a folder of one's own, Keras' cache, or a download into that cache."""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field
from urllib3.exceptions import HTTPError

from data.errors import PipelineError, VariantUnavailable

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = (4.0, 20.0)
"""For the connection, and for each wait between two pieces of a download."""

DOWNLOAD_SECONDS = 15 * 60.0
"""For a whole download, and for one by another run that this one waits for."""

PIECE_BYTES = 1 << 20


class WeightsFile(BaseModel):
    """A file of ImageNet weights without the classifier, as Keras publishes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="file name that Keras gives it")
    url: str = Field(description="where Keras downloads it from")
    md5: str = Field(pattern="^[0-9a-f]{32}$", description="MD5 that Keras checks it against")


_STORAGE = "https://storage.googleapis.com"

WEIGHTS_FILES = {
    "vgg16": WeightsFile(
        name="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        url=f"{_STORAGE}/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="6d6bbae143d832006294945121d1f1fc",
    ),
    "resnet50v2": WeightsFile(
        name="resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        url=f"{_STORAGE}/tensorflow/keras-applications/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="fac2f116257151a9d068a22e544a4917",
    ),
    "efficientnetb0": WeightsFile(
        name="efficientnetb0_notop.h5",
        url=f"{_STORAGE}/keras-applications/efficientnetb0_notop.h5",
        md5="50bc09e76180e00e4465e1a485ddc09d",
    ),
}
"""The weights of each backbone. Source: keras.applications of Keras 3.15."""


def find_weights(
    backbone: str,
    weights_dir: Path | None,
    allow_download: bool = True,
    give_up: Callable[[], bool] = lambda: False,
) -> Path:
    """Return the file with a backbone's ImageNet weights.

    A file in `weights_dir` is taken as it is, under Keras' name or that name ending in .weights.h5. One in Keras'
    cache counts only where its checksum is right, since an interrupted download may have left it.

    Args:
        backbone: a key of `WEIGHTS_FILES`.
        weights_dir: a folder to look in first.
        allow_download: fetch what is not there into Keras' cache, or wait for another who is at it.
        give_up: asked all through a download; True ends it.

    Raises:
        VariantUnavailable: the weights are not here and cannot be had.
        PipelineError: there is no such backbone.
    """
    if backbone not in WEIGHTS_FILES:
        raise PipelineError(f"Got backbone {backbone!r}; expected one of {', '.join(WEIGHTS_FILES)}.")
    wanted = WEIGHTS_FILES[backbone]
    given = _find_given(wanted, weights_dir)
    if given:
        return given
    cached = keras_cache() / wanted.name
    if _is_whole(cached, wanted):
        return cached
    if not allow_download:
        raise _unavailable(wanted, weights_dir, "downloads are switched off")
    try:
        _download_once(wanted, cached, give_up)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise _unavailable(wanted, weights_dir, f"the download failed: {_root_cause(error)}") from error
    return cached


def keras_cache() -> Path:
    """Return the folder that Keras keeps downloaded models in; KERAS_HOME moves it."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _find_given(wanted: WeightsFile, weights_dir: Path | None) -> Path | None:
    if weights_dir is None:
        return None
    names = (wanted.name, wanted.name.removesuffix(".h5") + ".weights.h5")
    return next((weights_dir / name for name in names if (weights_dir / name).is_file()), None)


def _download_once(wanted: WeightsFile, target: Path, give_up: Callable[[], bool]) -> None:
    """Download the file, or wait while another variant or run does."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with lock.acquire(timeout=DOWNLOAD_SECONDS, cancel_check=give_up):
        if not _is_whole(target, wanted):
            _download(wanted, target, give_up)


def _download(wanted: WeightsFile, target: Path, give_up: Callable[[], bool]) -> None:
    """Fetch and check the file beside its place, then move it there, so that a name always means a whole file."""
    logger.info("downloading %s", wanted.url)
    handle, part = tempfile.mkstemp(prefix=f".{wanted.name}.", dir=target.parent)
    try:
        digest = hashlib.md5(usedforsecurity=False)
        with os.fdopen(handle, "wb") as file, requests.get(wanted.url, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            for piece in _pieces(answer, give_up):
                file.write(piece)
                digest.update(piece)
        if digest.hexdigest() != wanted.md5:
            raise ValueError(f"got a file with MD5 {digest.hexdigest()}, expected {wanted.md5}")
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)


def _pieces(answer: requests.Response, give_up: Callable[[], bool]) -> Iterator[bytes]:
    """Yield what arrives as it arrives; `iter_content` waits for whole pieces, on a trickle for hours."""
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    while piece := answer.raw.read1(PIECE_BYTES, decode_content=True):
        if give_up():
            raise InterruptedError("this run is ending")
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done after {DOWNLOAD_SECONDS / 60:.0f} minutes")
        yield piece


def _is_whole(path: Path, wanted: WeightsFile) -> bool:
    return path.is_file() and _md5(path) == wanted.md5


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unavailable(wanted: WeightsFile, weights_dir: Path | None, reason: str) -> VariantUnavailable:
    looked = f"{weights_dir} and {keras_cache()}" if weights_dir else f"{keras_cache()} (no weights_dir is set)"
    return VariantUnavailable(
        f"No ImageNet weights: looked for {wanted.name} in {looked}; {reason}. "
        f"Fetch {wanted.url} where there is a connection, put it into a folder and set weights_dir to that folder."
    )


def _root_cause(error: BaseException) -> str:
    """Return the first line of the error at the bottom; what requests wraps round it names objects, not reasons."""
    while isinstance(error, requests.RequestException) and isinstance(error.__context__, Exception):
        error = error.__context__
    reason = getattr(error, "reason", None)
    return f"{type(reason or error).__name__}: {reason or error}".splitlines()[0]
