"""Archives and folders, honest and hostile."""

import bz2
import gzip
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.sources.archive_entries import ArchiveUnreadable
from data.sources.extract import (
    ExtractLimits,
    check_archive,
    copy_folder,
    extract_archive,
    list_copied,
)

FILES = {
    "train/happy/1.jpg": b"a" * 100,
    "train/sad/2.jpg": b"b" * 100,
    "validation/happy/3.jpg": b"c" * 100,
    "test/sad/4.jpg": b"d" * 100,
}
LIMITS = ExtractLimits()
REAL = PROJECT_ROOT.parent / "shared" / "data" / "Facial_emotion_images.zip"


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def read_tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def below(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{prefix}{name}": content for name, content in files.items()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("prefix", ["", "./", "Facial_emotion_images/", "a/b c/d/"])
def test_root_of_a_tar_is_found_at_any_depth(tmp_path: Path, mode: str, prefix: str) -> None:
    archive = write_tar(tmp_path / "faces.any", below(prefix, FILES), mode)
    check_archive(archive)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("prefix", ["", "Facial_emotion_images/", "a/b c/d/"])
def test_root_of_a_zip_is_found_at_any_depth(tmp_path: Path, prefix: str) -> None:
    archive = write_zip(tmp_path / "faces.any", below(prefix, FILES))
    check_archive(archive)
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


def test_root_of_a_folder_is_found(tmp_path: Path) -> None:
    copy_folder(write_folder(tmp_path / "in", below("a/b/", FILES)), tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


def test_backslashes_of_windows_separate_folders(tmp_path: Path) -> None:
    names = {name.replace("/", "\\"): content for name, content in below("faces/", FILES).items()}
    archive = write_zip(tmp_path / "faces.zip", {"faces\\": b"", "faces\\train\\": b"", **names})
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == FILES


def test_litter_and_what_stands_beside_the_root_stay_out(tmp_path: Path) -> None:
    litter = {
        "__MACOSX/set/train/happy/._1.jpg": b"x",
        "set/.DS_Store": b"x",
        "set/train/happy/Thumbs.db": b"x",
        "set/train/desktop.ini": b"x",
        "set/train/sad/._2.jpg": b"x",
        "README.txt": b"x",
    }
    inside = {"set/extra/notes.txt": b"kept", "set/train/LICENSE": b"kept"}
    archive = write_zip(tmp_path / "faces.zip", {**litter, **below("set/", FILES), **inside})
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {**FILES, "extra/notes.txt": b"kept", "train/LICENSE": b"kept"}


def test_one_split_is_enough_and_case_counts(tmp_path: Path) -> None:
    extract_archive(write_zip(tmp_path / "a.zip", {"x/test/sad/1.jpg": b"a"}), tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {"test/sad/1.jpg": b"a"}
    with pytest.raises(PipelineError, match="case-sensitive"):
        extract_archive(write_zip(tmp_path / "b.zip", {"Train/sad/1.jpg": b"a"}), tmp_path / "b", LIMITS)


def test_root_has_the_most_splits_and_ties_are_refused(tmp_path: Path) -> None:
    nested = {"train/happy/train/5.jpg": b"e", **FILES}
    extract_archive(write_zip(tmp_path / "a.zip", nested), tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == nested
    two = {**below("old/", FILES), **below("new/", FILES)}
    with pytest.raises(PipelineError, match="more than one data set: new, old"):
        extract_archive(write_zip(tmp_path / "b.zip", two), tmp_path / "b", LIMITS)


@pytest.mark.parametrize(
    "name",
    [
        "../train/happy/9.jpg",
        "train/../../9.jpg",
        "__MACOSX/../../9.jpg",
        "/train/happy/9.jpg",
        "\\train\\happy\\9.jpg",
        "..\\9.jpg",
        "C:\\train\\9.jpg",
        "C:train/9.jpg",
        "train/happy/9\n.jpg",
        f"train/happy/{'9' * 300}.jpg",
    ],
)
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, write: Callable[..., Path], name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    archive = write(tmp_path / "faces.any", {**FILES, name: b"x"})
    with pytest.raises(PipelineError, match="expected plain image files"):
        extract_archive(archive, home / "out", LIMITS)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    with tarfile.open(archive, "a") as opened:
        member = tarfile.TarInfo("train/happy/9.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        opened.addfile(member)
    with pytest.raises(PipelineError, match="a link or a device"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    with zipfile.ZipFile(archive, "a") as opened:
        info = zipfile.ZipInfo("train/happy/9.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(PipelineError, match="a link or a device"):
        extract_archive(archive, tmp_path / "out", LIMITS)


@pytest.mark.parametrize("name", ["train/happy/9.jpg", "test/more"])
def test_links_in_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "in", FILES)
    outside = write_folder(tmp_path / "outside", {"secret.jpg": b"x"})
    (folder / name).symlink_to(outside if name == "test/more" else outside / "secret.jpg")
    with pytest.raises(PipelineError, match="a link or a device"):
        copy_folder(folder, tmp_path / "out", LIMITS)
    assert not (tmp_path / "out").exists()


def test_what_is_copied_of_a_folder_can_be_listed_first(tmp_path: Path) -> None:
    litter = {"README.txt": b"x", "set/.DS_Store": b"x", "set/train/._1.jpg": b"x"}
    folder = write_folder(tmp_path / "in", {**below("set/", FILES), **litter})
    listed = list_copied(folder, LIMITS)
    assert {name: path.read_bytes() for name, path in listed.items()} == FILES
    with pytest.raises(PipelineError, match="EMOTION_MAX_TOTAL_BYTES"):
        list_copied(folder, ExtractLimits(max_total_bytes=399))


def test_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="not a folder"):
        copy_folder(tmp_path / "missing", tmp_path / "out", LIMITS)


def test_limits_of_files_and_bytes_hold_at_their_edge(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    extract_archive(archive, tmp_path / "out", ExtractLimits(max_files=4, max_total_bytes=400))
    with pytest.raises(PipelineError, match="EMOTION_MAX_FILES"):
        extract_archive(archive, tmp_path / "a", ExtractLimits(max_files=3))
    with pytest.raises(PipelineError, match="EMOTION_MAX_TOTAL_BYTES"):
        extract_archive(archive, tmp_path / "b", ExtractLimits(max_total_bytes=399))
    with pytest.raises(PipelineError, match="EMOTION_MAX_FILES"):
        copy_folder(tmp_path / "out", tmp_path / "c", ExtractLimits(max_files=3))
    assert not any((tmp_path / name).exists() for name in "abc")


@pytest.mark.parametrize("write", [write_zip, lambda path, files: write_tar(path, files, "w:gz")])
def test_bombs_are_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    archive = write(tmp_path / "bomb.any", {"train/happy/1.jpg": bytes(4 << 20)})
    with pytest.raises(PipelineError, match="EMOTION_MAX_RATIO"):
        extract_archive(archive, tmp_path / "out", LIMITS)
    extract_archive(archive, tmp_path / "out", ExtractLimits(max_ratio=10_000))
    assert (tmp_path / "out/train/happy/1.jpg").stat().st_size == 4 << 20


def test_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", {"train/happy/1.jpg": bytes(1 << 20)})
    true_size = (1 << 20).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(true_size, (10).to_bytes(4, "little")))
    with pytest.raises(ArchiveUnreadable):
        extract_archive(archive, tmp_path / "out", LIMITS)


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", FILES)
    with zipfile.ZipFile(archive) as opened:
        start = opened.start_dir
    content = bytearray(archive.read_bytes())
    content[start + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(PipelineError, match="password"):
        extract_archive(archive, tmp_path / "out", LIMITS)


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 64]) + content[middle + 64 :]


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:bz2", "w:xz"])
def test_damaged_archives_are_told(tmp_path: Path, mode: str, damage: Callable[[bytes], bytes]) -> None:
    noise = {"train/happy/1.jpg": random.Random(1).randbytes(200_000), **FILES}
    path = tmp_path / "faces.any"
    archive = write_zip(path, noise) if mode == "zip" else write_tar(path, noise, mode)
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ArchiveUnreadable, match="get the archive again"):
        extract_archive(archive, tmp_path / "out", LIMITS)


@pytest.mark.parametrize("blocks", [2, 3, 4, 7])
def test_plain_tar_cut_at_a_block_is_told(tmp_path: Path, blocks: int) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    archive.write_bytes(archive.read_bytes()[: blocks * tarfile.BLOCKSIZE])
    with pytest.raises(ArchiveUnreadable):
        check_archive(archive)


def test_plain_tar_with_a_broken_header_is_told(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", FILES)
    content = bytearray(archive.read_bytes())
    content[2 * tarfile.BLOCKSIZE] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ArchiveUnreadable, match="end mark"):
        check_archive(archive)


@pytest.mark.parametrize(
    "content", [b"", b"neither", b"PK\x03\x04", gzip.compress(b"no tar", mtime=0), bz2.compress(b"no tar")]
)
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "faces.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveUnreadable):
        check_archive(path)


def test_later_of_two_equal_names_counts(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "faces.tar", {"./train/happy/1.jpg": b"old", "train/happy/1.jpg": b"new"})
    extract_archive(archive, tmp_path / "out", LIMITS)
    assert read_tree(tmp_path / "out") == {"train/happy/1.jpg": b"new"}


def test_names_never_replace_one_another(tmp_path: Path) -> None:
    clash = {"train/happy/1.jpg": b"a", "train/happy/1.jpg/2.jpg": b"b"}
    with pytest.raises(PipelineError, match="cannot both be written"):
        extract_archive(write_zip(tmp_path / "a.zip", clash), tmp_path / "out", LIMITS)
    archive = write_zip(tmp_path / "b.zip", {"train/happy/1.jpg": b"a"})
    extract_archive(archive, tmp_path / "b", LIMITS)
    with pytest.raises(PipelineError, match="cannot both be written"):
        extract_archive(archive, tmp_path / "b", LIMITS)


@pytest.mark.parametrize("pack", ["zip", "tar", "w:gz"])
def test_any_corruption_is_an_error_of_ours(tmp_path: Path, pack: str) -> None:
    """Damage random bytes many times: the archive unpacks or is refused, and nothing else is raised."""
    path = tmp_path / "faces.any"
    archive = write_zip(path, FILES) if pack == "zip" else write_tar(path, FILES, "w" if pack == "tar" else pack)
    whole = archive.read_bytes()
    generator = random.Random(7)
    refused = 0
    for trial in range(150):
        content = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        archive.write_bytes(content)
        try:
            extract_archive(archive, tmp_path / str(trial), LIMITS)
        except PipelineError:
            refused += 1
    assert refused > 10


@pytest.mark.shared_data
@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not in ../shared/data")
def test_real_archive_has_the_published_counts(tmp_path: Path) -> None:
    extract_archive(REAL, tmp_path / "out", LIMITS)
    counts = {split: len(list((tmp_path / "out" / split).rglob("*.jpg"))) for split in ("train", "validation", "test")}
    assert counts == {"train": 15109, "validation": 4977, "test": 128}
