"""Unpacking of a data set from a zip, a tar or a folder, refusing everything that an image archive does not need."""

import logging
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from pydantic import Field

from data.base.errors import PipelineError
from data.base.labels import SPLITS
from data.base.record import Record
from data.sources.archive_entries import Entry, open_entries, refusal, unreadable

logger = logging.getLogger(__name__)

IGNORED_NAMES = frozenset(
    {"__macosx", ".ds_store", ".appledouble", ".spotlight-v100", ".trashes", "thumbs.db", "desktop.ini"}
)
"""Files that file managers leave behind, in lower case; `._*` is ignored as well."""

RATIO_FREE_BYTES = 1 << 20
"""Below this size a high compression ratio is harmless; small archives of flat images have one."""

COPY_BYTES = 1 << 20


class ExtractLimits(Record):
    """Limits on the content of an archive."""

    max_files: int = Field(default=200_000, ge=1, le=10_000_000, description="most files in an archive or folder")
    max_total_bytes: int = Field(
        default=4 << 30, ge=1, le=1 << 40, description="most bytes of all files together, unpacked"
    )
    max_ratio: float = Field(
        default=100, ge=1, le=10_000, description="most unpacked bytes for one byte of the archive, from 1 MiB on"
    )


def extract_archive(archive: Path, out: Path, limits: ExtractLimits) -> None:
    """Write everything below an archive's data set root directly under `out`.

    The root is the folder, at any depth, with train, validation or test in it. If two members have one name, the
    later one counts, as with tar and unzip. Files beside the root are left out.

    Args:
        archive: a zip, or a tar that is uncompressed or compressed with gzip, bzip2 or xz.
        out: an empty directory, made if it is missing; on an error it may hold part of the files.
        limits: how much the archive may hold.

    Raises:
        ArchiveUnreadable: the archive is damaged, cut short, or neither zip nor tar.
        PipelineError: it is encrypted, over a limit, holds links, devices or names that lead out of `out`, or has no
            data set root.
    """
    with open_entries(archive) as entries:
        _unpack(_admit(entries, limits, archive, archive.stat().st_size), archive, out)


def copy_folder(folder: Path, out: Path, limits: ExtractLimits) -> None:
    """Copy everything below a folder's data set root directly under `out`, by the rules of `extract_archive`.

    Args:
        folder: a local folder with the data set root at any depth; links in it are refused, not followed.
        out: an empty directory, made if it is missing.
        limits: how much the folder may hold; the ratio does not apply.

    Raises:
        PipelineError: the folder is missing, over a limit, holds links or devices, or has no data set root.
    """
    _unpack(_admit_folder(folder, limits), folder, out)


def list_copied(folder: Path, limits: ExtractLimits) -> dict[str, Path]:
    """Return the files that `copy_folder` would copy, by their POSIX paths below the data set's root; reads none.

    Args:
        folder: as for `copy_folder`.
        limits: as for `copy_folder`.

    Raises:
        PipelineError: as for `copy_folder`.
    """
    below = _below_root(_admit_folder(folder, limits), folder)
    return {"/".join(parts): folder.joinpath(*entry.parts) for parts, entry in below.items()}


def check_archive(archive: Path) -> None:
    """Check that a file is a complete archive.

    A zip's table of contents stands at its end; a tar is read up to its end mark, or to the default size limit.

    Raises:
        ArchiveUnreadable: the archive is damaged, cut short, or neither zip nor tar.
        PipelineError: it is encrypted, or holds links, devices or unsafe names.
    """
    allowed_bytes = ExtractLimits().max_total_bytes
    with open_entries(archive) as entries:
        for entry in entries:
            allowed_bytes -= entry.size_bytes
            if allowed_bytes < 0:
                return


def _admit_folder(folder: Path, limits: ExtractLimits) -> dict[tuple[str, ...], Entry]:
    if not folder.is_dir():
        raise PipelineError(f"{folder} is not a folder; give a folder with {', '.join(SPLITS)} in it")
    return _admit(_folder_entries(folder.resolve()), limits, folder, None)


def _folder_entries(folder: Path) -> Iterator[Entry]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_ignored(name))
        for name in [*folders, *sorted(files)]:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode) and not _is_ignored(name):
                raise refusal(str(path), "a link or a device")
            yield Entry(path.relative_to(folder).parts, path.lstat().st_size, partial(path.open, "rb"))


def _is_ignored(part: str) -> bool:
    return part.lower() in IGNORED_NAMES or part.startswith("._")


def _admit(
    entries: Iterable[Entry], limits: ExtractLimits, origin: Path, packed_bytes: int | None
) -> dict[tuple[str, ...], Entry]:
    """Return the entries to unpack by the parts of their names, in their order; raise at the first exceeded limit.

    Args:
        entries: entries of the archive or folder.
        limits: how much it may hold.
        origin: for messages.
        packed_bytes: size of the archive, None for a folder.
    """
    admitted: dict[tuple[str, ...], Entry] = {}
    files, total_bytes, repeated = 0, 0, 0
    for entry in entries:
        files += 1
        total_bytes += entry.size_bytes
        _check_limits(files, total_bytes, limits, origin, packed_bytes)
        if any(_is_ignored(part) for part in entry.parts):
            continue
        # Removed first, so that the later entry also keeps its own place: a tar is read forwards only.
        repeated += admitted.pop(entry.parts, None) is not None
        admitted[entry.parts] = entry
    if repeated:
        logger.warning("%s holds %d names twice; the later file of each counts", origin, repeated)
    return admitted


def _check_limits(files: int, total_bytes: int, limits: ExtractLimits, origin: Path, packed_bytes: int | None) -> None:
    if files > limits.max_files:
        raise PipelineError(
            f"{origin} holds more than {limits.max_files} files; set EMOTION_MAX_FILES higher if you expect that"
        )
    if total_bytes > limits.max_total_bytes:
        raise PipelineError(
            f"{origin} unpacks to more than {limits.max_total_bytes} bytes; set "
            "EMOTION_MAX_TOTAL_BYTES higher if you expect that"
        )
    if packed_bytes and total_bytes > max(RATIO_FREE_BYTES, limits.max_ratio * packed_bytes):
        raise PipelineError(
            f"{origin} unpacks to more than {limits.max_ratio:g} times its size, which images never do; set "
            "EMOTION_MAX_RATIO higher if you trust it"
        )


def _unpack(admitted: dict[tuple[str, ...], Entry], origin: Path, out: Path) -> None:
    below = _below_root(admitted, origin)
    out.mkdir(parents=True, exist_ok=True)
    for folder in sorted({parts[:-1] for parts in below}):
        _make_folder(out.joinpath(*folder), out, origin)
    for parts, entry in below.items():
        _write(entry, out.joinpath(*parts), origin)


def _below_root(admitted: dict[tuple[str, ...], Entry], origin: Path) -> dict[tuple[str, ...], Entry]:
    """Return the entries below the data set's root by their parts below it, in their order."""
    root = _find_root(admitted, origin)
    below = {parts[len(root) :]: entry for parts, entry in admitted.items() if parts[: len(root)] == root}
    logger.info("%s: %d files below the data set root %s", origin, len(below), "/".join(root) or ".")
    return below


def _find_root(names: Iterable[tuple[str, ...]], origin: Path) -> tuple[str, ...]:
    """Return the folder with most of the splits in it; of those the one nearest to the top."""
    found: dict[tuple[str, ...], set[str]] = {}
    tops = set()
    for parts in names:
        tops.add(parts[0])
        for depth, part in enumerate(parts[:-1]):
            if part in SPLITS:
                found.setdefault(parts[:depth], set()).add(part)
    if not found:
        raise PipelineError(
            f"{origin} has no folder with {', '.join(SPLITS)} in it (names are case-sensitive); at the "
            f"top is {', '.join(sorted(tops)[:5]) or 'no file'}; expected SPLIT/CLASS/IMAGE: rename and pack again"
        )
    ranks = {root: (-len(splits), len(root)) for root, splits in found.items()}
    best = sorted(root for root, rank in ranks.items() if rank == min(ranks.values()))
    if len(best) > 1:
        roots = ", ".join("/".join(root) for root in best[:5])
        raise PipelineError(f"{origin} holds more than one data set: {roots}; leave one of them")
    return best[0]


def _make_folder(folder: Path, out: Path, origin: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise _collision(folder, origin) from error


def _write(entry: Entry, path: Path, origin: Path) -> None:
    source = entry.open()
    if source is None:
        raise unreadable(origin, f"{path.name} has no content")
    # Mode x: on a disk that ignores case, two names may be one file, and neither may replace the other.
    try:
        with source, path.open("xb") as target:
            shutil.copyfileobj(source, target, COPY_BYTES)
    except (FileExistsError, IsADirectoryError) as error:
        raise _collision(path, origin) from error


def _collision(path: Path, origin: Path) -> PipelineError:
    return PipelineError(
        f"{origin} holds two entries that cannot both be written as {path.name}: names that differ by case only, or a "
        "file and a folder of one name; rename one"
    )
