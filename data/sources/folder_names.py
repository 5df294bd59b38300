"""Places of a data set's files: which split and class the names of their folders mean."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from data.base.errors import PipelineError
from data.base.names import find_class, find_split
from data.records.dataset import FolderNames, ReadName
from data.sources.archive_entries import show_name


def place(parts: tuple[str, ...], class_first: bool) -> tuple[str, ...]:
    """Return the place of a file as SPLIT/CLASS/...; a name that means nothing known stays as it is.

    Args:
        parts: of the file's name below the root.
        class_first: see `data.sources.root_search.Root`.

    Examples:
        >>> place(("Training", "Happiness", "1.jpg"), class_first=False)
        ('train', 'happy', '1.jpg')
        >>> place(("angry", "val", "1.jpg"), class_first=True)
        ('validation', 'angry', '1.jpg')
    """
    if len(parts) < (3 if class_first else 2):
        return parts
    split, *folders, name = _turn(parts, class_first)
    return (find_split(split) or split, *(find_class(label) or label for label in folders[:1]), *folders[1:], name)


def _turn(parts: tuple[str, ...], class_first: bool) -> tuple[str, ...]:
    """Return names of folders, and perhaps of a file in them, with the split first."""
    return (parts[1], parts[0], *parts[2:]) if class_first and len(parts) > 1 else parts


def read_names(files: Collection[bytes], class_first: bool, origin: Path) -> FolderNames:
    """Count the files whose folders are read as others.

    Args:
        files: the name of each file below the root, as POSIX path; it may be large, so only folders are kept of it.
        class_first: see `place`.
        origin: for messages.

    Raises:
        PipelineError: two files would get one place, because two folders mean the same.
    """
    counts: Counter[tuple[str, str]] = Counter()
    sources: defaultdict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for folder, number in Counter(_folder(file) for file in files).items():
        placed = place((*folder, ""), class_first)[:-1]
        sources[placed].add(folder)
        for was, now in _renamings(folder, placed, class_first):
            counts[was, now] += number
    _refuse_one_place(
        files, {folder for merged in sources.values() if len(merged) > 1 for folder in merged}, class_first, origin
    )
    renamed = tuple(ReadName(name=was, read_as=now, files=number) for (was, now), number in sorted(counts.items()))
    return FolderNames(class_first=class_first, renamed=renamed)


def describe_names(names: FolderNames) -> tuple[str, ...]:
    """Say in sentences how the folders of a source were read; nothing if they are named as the pipeline's own.

    The figure in brackets is the number of files.
    """
    order = ("the folders are CLASS/SPLIT, and were read as SPLIT/CLASS",) if names.class_first else ()
    return (*order, *(f"{show_name(one.name)} was read as {one.read_as} ({one.files:,})" for one in names.renamed))


def _folder(file: bytes) -> tuple[str, ...]:
    return tuple(file.decode().split("/")[:-1])


def _renamings(folder: tuple[str, ...], placed: tuple[str, ...], class_first: bool) -> Iterator[tuple[str, str]]:
    old = _turn(folder, class_first)
    return ((was, now) for was, now in zip(old[:2], placed[:2], strict=True) if was != now)


def _refuse_one_place(files: Collection[bytes], merged: set[tuple[str, ...]], class_first: bool, origin: Path) -> None:
    """Refuse two files of one name in folders that are read as one folder; without such folders nothing is read."""
    seen: dict[tuple[str, ...], str] = {}
    for file in files if merged else ():
        if (folder := _folder(file)) not in merged:
            continue
        name = file.decode()
        placed = (*(place((*folder, ""), class_first)[:-1]), name.rsplit("/", 1)[-1])
        if placed in seen:
            raise PipelineError(
                f"{origin} holds {show_name(seen[placed])} and {show_name(name)}, whose folders mean the same: both "
                f"would be {show_name('/'.join(placed))}; rename one of the files"
            )
        seen[placed] = name
