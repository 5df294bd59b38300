"""Unpacking of a data set from a zip, a tar or a folder, refusing everything that an image archive does not need."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from data.base.errors import PipelineError
from data.base.names import ClassNames
from data.base.parts import SPLITS
from data.records.dataset import FolderNames
from data.sources.archives.entries import Entry, open_entries, refusal, show_name, unreadable
from data.sources.folder_entries import folder_entries
from data.sources.folder_names import place, read_names
from data.sources.limits import ExtractLimits, Tally
from data.sources.tables.survey import Plan, Survey, survey_entries
from data.sources.tables.write import list_read, write_table

COPY_BYTES = 1 << 20

FREE_FOLDERS = 1000
"""Folders that may be made whatever the limit of files is; most archives do not list their folders."""


def extract_archive(archive: Path, out: Path, limits: ExtractLimits, classes: ClassNames = ClassNames()) -> FolderNames:
    """Write everything below an archive's data set root under `out`, as SPLIT/CLASS/FILE.

    The root is the folder, at any depth, with train, validation or test in it, or classes, with or without these in
    them. For the names of folders see `data.sources.folder_names.place`. If two members have one name, the later one
    counts, as with tar and unzip. Files beside the root are left out. The archive is read twice and never
    held in memory; with the default limits, that needs at most 200 MB.

    An archive without such folders may hold a table of images, or one archive and nothing else of weight: it is
    unpacked beside `out` for a while, and what it holds is read, see `data.sources.tables`.

    Args:
        archive: a zip, or a tar that is uncompressed or compressed with gzip, bzip2 or xz.
        out: an empty directory, made if it is missing; on an error it may hold part of the files.
        limits: how much the archive may hold.
        classes: of the data set.

    Returns:
        How its folders were read.

    Raises:
        ArchiveUnreadable: the archive is damaged, cut short, or neither zip nor tar.
        PipelineError: it is encrypted, over a limit, holds sparse files or names that lead out of `out`, has no
            data set root, or links or devices below it, or a table that cannot be read.
    """
    return _Extraction(archive, limits, classes, archive.stat().st_size).write(out)


def copy_folder(folder: Path, out: Path, limits: ExtractLimits, classes: ClassNames = ClassNames()) -> FolderNames:
    """Copy everything below a folder's data set root under `out`, by the rules of `extract_archive`.

    Args:
        folder: a local folder with the data set root at any depth; links below it are refused, not followed.
        out: an empty directory, made if it is missing.
        limits: how much the folder may hold; the ratio does not apply.
        classes: of the data set.

    Returns:
        How its folders were read.

    Raises:
        PipelineError: the folder is missing, over a limit, holds links or devices, or has no data set root.
    """
    survey = survey_entries(_walk(folder), Tally(limits, folder, None), folder, classes)
    if table := survey.find_table(folder):
        return write_table(table, out, limits, classes)
    plan = survey.plan()
    names = read_names(plan.places, plan.layout, folder, classes)
    _Writer(folder, out, limits, None, classes).write(_walk(folder), plan)
    return names


def list_copied(folder: Path, limits: ExtractLimits, classes: ClassNames = ClassNames()) -> dict[str, Path]:
    """Return the files that `copy_folder` would copy, by their POSIX paths below the data set's root; reads none.

    Args:
        folder: as for `copy_folder`.
        limits: as for `copy_folder`.
        classes: as for `copy_folder`.

    Raises:
        PipelineError: as for `copy_folder`.
    """
    # One more than allowed, so that the survey refuses what this list does not hold.
    entries = list(islice(_walk(folder), limits.max_files + 1))
    survey = survey_entries(entries, Tally(limits, folder, None), folder, classes)
    if table := survey.find_table(folder):
        return {path.relative_to(folder).as_posix(): path for path in list_read(table, limits)}
    plan = survey.plan()
    return {name.decode(): entries[number].path for name, number in plan.places.items()}


def list_sizes(archive: Path, limits: ExtractLimits, classes: ClassNames = ClassNames()) -> list[int]:
    """Return the size in bytes of each file that unpacking an archive writes; a tar is read to its end for that.

    For an archive that is unpacked before what it holds is read, each size stands in the list twice.

    Raises:
        ArchiveUnreadable, PipelineError: as for `extract_archive`.
    """
    with open_entries(archive, limits.max_files) as entries:
        survey = survey_entries(entries, Tally(limits, archive, archive.stat().st_size), archive, classes)
    return survey.sizes if survey.has_folders() else survey.sizes * 2


def check_archive(archive: Path, max_files: int = 200_000) -> None:
    """Check that a file is a complete archive.

    A zip's table of contents stands at its end; a tar is read up to its end mark, or to the default size limit.

    Raises:
        ArchiveUnreadable: the archive is damaged, cut short, or neither zip nor tar.
        PipelineError: it is encrypted, or holds unsafe names or more files.
    """
    limits = ExtractLimits(max_files=max_files)
    files, total_bytes = 0, 0
    with open_entries(archive, limits.max_files) as entries:
        for entry in entries:
            files += 1
            total_bytes += entry.size_bytes
            if files > limits.max_files or total_bytes > limits.max_total_bytes:
                return


def _walk(folder: Path) -> Iterator[Entry]:
    if not folder.is_dir():
        raise PipelineError(f"{folder} is not a folder; give a folder with {', '.join(SPLITS)} in it")
    return folder_entries(folder.resolve())


class _Extraction:
    """Unpacking of one archive.

    Args:
        archive: the archive.
        limits: how much it may hold.
        classes: of the data set.
        packed_bytes: size of the archive, or of the one around it.
        is_inner: whether it comes out of another archive.
    """

    def __init__(
        self, archive: Path, limits: ExtractLimits, classes: ClassNames, packed_bytes: int, is_inner: bool = False
    ) -> None:
        self._archive, self._limits, self._classes = archive, limits, classes
        self._packed_bytes, self._is_inner = packed_bytes, is_inner

    def write(self, out: Path) -> FolderNames:
        """Write the data set under `out`, and return how its names were read."""
        with open_entries(self._archive, self._limits.max_files) as entries:
            tally = Tally(self._limits, self._archive, self._packed_bytes)
            survey = survey_entries(entries, tally, self._archive, self._classes)
        if not survey.has_folders() and (names := self._write_inside(survey, out)):
            return names
        plan = survey.plan()
        names = read_names(plan.places, plan.layout, self._archive, self._classes)
        self._unpack(plan, out)
        return names

    def _write_inside(self, survey: Survey, out: Path) -> FolderNames | None:
        """Write the data set of a table or an archive inside this one, if there is one."""
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=".unpacked-") as name, _shown_as(name, self._archive):
            folder = Path(name)
            self._unpack(survey.plan_whole(), folder)
            if survey.inner and not self._is_inner:
                inner = folder / survey.inner
                packed_bytes = min(self._packed_bytes, inner.stat().st_size)
                return _Extraction(inner, self._limits, self._classes, packed_bytes, is_inner=True).write(out)
            table = survey.find_table(folder)
            return write_table(table, out, self._limits, self._classes) if table else None

    def _unpack(self, plan: Plan, out: Path) -> None:
        with open_entries(self._archive, self._limits.max_files) as entries:
            _Writer(self._archive, out, self._limits, self._packed_bytes, self._classes).write(entries, plan)


@contextmanager
def _shown_as(folder: str, archive: Path) -> Iterator[None]:
    """Name the archive in errors instead of the folder into which it was unpacked for a while."""
    try:
        yield
    except PipelineError as error:
        raise type(error)(str(error).replace(folder, str(archive))) from error


class _Writer:
    """Write the files of an archive or folder, counting bytes and folders while they are written.

    Args:
        origin: the archive or folder.
        out: the directory to write into.
        limits: how much may be written, whatever the entries declare.
        packed_bytes: size of the archive, None for a folder.
        classes: of the data set.
    """

    def __init__(
        self, origin: Path, out: Path, limits: ExtractLimits, packed_bytes: int | None, classes: ClassNames
    ) -> None:
        self._origin, self._out, self._classes = origin, out, classes
        self._written = Tally(limits, origin, packed_bytes)
        most_folders = max(limits.max_files, FREE_FOLDERS)
        self._folders = Tally(limits.model_copy(update={"max_files": most_folders}), origin, None)

    def write(self, entries: Iterable[Entry], plan: Plan) -> None:
        """Write the planned entries; raise a PipelineError if there are others than planned."""
        self._out.mkdir(parents=True, exist_ok=True)
        depth = len(plan.root)
        written = 0
        for number, entry in enumerate(entries):
            below = entry.parts[depth:]
            if entry.parts[:depth] == plan.root and plan.places.get("/".join(below).encode()) == number:
                placed = self._place(below, plan)
                self._make_folder(placed.parent)
                self._write_file(self._resolve(entry, plan), placed)
                written += 1
        if written != len(plan.places):
            raise self._changed()

    def _resolve(self, entry: Entry, plan: Plan) -> Entry:
        """Return a hard link as a file with the content of the one that it names, which was written before."""
        if not entry.same_as:
            return entry
        depth = len(plan.root)
        first = self._place(entry.same_as[depth:], plan)
        if entry.same_as[:depth] != plan.root or not first.is_file():
            named = show_name("/".join(entry.same_as))
            raise refusal("/".join(entry.parts), f"a hard link to {named}, which is no file of the data set before it")
        return entry._replace(size_bytes=first.stat().st_size, open=partial(first.open, "rb"))

    def _place(self, parts: tuple[str, ...], plan: Plan) -> Path:
        return self._out.joinpath(*(parts if plan.is_whole else place(parts, plan.layout, self._classes)))

    def _make_folder(self, folder: Path) -> None:
        missing = [parent for parent in (folder, *folder.parents) if parent.is_relative_to(self._out)]
        with self._placing(folder):
            for parent in reversed(missing):
                if not parent.is_dir():
                    self._folders.add(entries=1)
                    parent.mkdir()

    def _write_file(self, entry: Entry, path: Path) -> None:
        # Mode x: on a disk that ignores case, two names may be one file, and neither may replace the other.
        with self._placing(path):
            target = path.open("xb")
        with target:
            source = entry.open()
            if source is None:
                raise unreadable(self._origin, f"{show_name(path.name)} has no content")
            with source:
                self._copy(source, target, entry)

    def _copy(self, source: IO[bytes], target: IO[bytes], entry: Entry) -> None:
        copied = 0
        while piece := source.read(COPY_BYTES):
            copied += len(piece)
            self._written.add(size_bytes=len(piece))
            if copied > entry.size_bytes:
                break
            target.write(piece)
        if copied != entry.size_bytes:
            raise self._changed(f"{show_name('/'.join(entry.parts))} has not the {entry.size_bytes} bytes it declares")

    def _changed(self, why: str = "it changed while it was read") -> PipelineError:
        if self._origin.is_dir():
            return PipelineError(f"{self._origin} cannot be copied: {why}; start again when nothing writes into it")
        return unreadable(self._origin, why)

    @contextmanager
    def _placing(self, path: Path) -> Iterator[None]:
        """Convert the errors of a name that cannot be written."""
        try:
            yield
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise PipelineError(
                f"{self._origin} holds two entries that cannot both be written as {show_name(path.name)}: names that "
                "differ by case only, or a file and a folder of one name; rename one"
            ) from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise PipelineError(
                f"{self._origin} holds a file whose path would have {len(os.fsencode(path))} bytes, too long for the "
                f"disk: {show_name(str(path))}; set EMOTION_WORKSPACE to a shorter path, or rename and pack again"
            ) from error
