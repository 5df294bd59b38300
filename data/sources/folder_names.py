"""Places of a data set's files: which split and class the names of their folders mean."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from data.base.errors import PipelineError
from data.base.names import ClassNames, find_split
from data.base.parts import SPLITS
from data.records.dataset import FolderNames, Layout, ReadName
from data.sources.archives.entries import show_name


def place(parts: tuple[str, ...], layout: Layout, classes: ClassNames = ClassNames()) -> tuple[str, ...]:
    """Return the place of a file as SPLIT/CLASS/...; a name that means nothing known stays as it is.

    Args:
        parts: of the file's name below the root.
        layout: see `data.sources.root_search.Root`.
        classes: of the data set.

    Examples:
        >>> place(("Training", "Happiness", "1.jpg"), layout="SPLIT/CLASS")
        ('train', 'happy', '1.jpg')
        >>> place(("angry", "val", "1.jpg"), layout="CLASS/SPLIT")
        ('validation', 'angry', '1.jpg')
        >>> place(("sad", "1.jpg"), layout="CLASS")
        ('train', 'sad', '1.jpg')
    """
    if len(parts) < (3 if layout == "CLASS/SPLIT" else 2):
        return parts
    split, *folders, name = _turn(parts, layout)
    return (find_split(split) or split, *(classes.find(label) or label for label in folders[:1]), *folders[1:], name)


def _turn(parts: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    """Return names of folders, and perhaps of a file in them, with the split first."""
    if layout == "CLASS":
        return ("train", *parts)
    return (parts[1], parts[0], *parts[2:]) if layout == "CLASS/SPLIT" and len(parts) > 1 else parts


def read_names(
    files: Collection[bytes], layout: Layout, origin: Path, classes: ClassNames = ClassNames()
) -> FolderNames:
    """Count the files whose folders are read as others.

    Args:
        files: the name of each file below the root, as POSIX path; it may be large, so only folders are kept of it.
        layout: see `place`.
        origin: for messages.
        classes: of the data set.

    Raises:
        PipelineError: two files would get one place, because two folders mean the same.
    """
    counts: Counter[tuple[str, str]] = Counter()
    sources: defaultdict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for folder, number in Counter(_folder(file) for file in files).items():
        placed = place((*folder, ""), layout, classes)[:-1]
        sources[placed].add(folder)
        for was, now in _renamings(folder, placed, layout):
            counts[was, now] += number
    merged = {folder: placed for placed, folders in sources.items() if len(folders) > 1 for folder in folders}
    _refuse_one_place(files, merged, origin)
    missing = tuple(split for split in SPLITS if split not in {placed[0] for placed in sources if placed})
    renamed = tuple(ReadName(name=was, read_as=now, files=number) for (was, now), number in sorted(counts.items()))
    return FolderNames(layout=layout, renamed=renamed, missing=missing)


def choose_carved(names: FolderNames, with_test: bool) -> tuple[str, ...]:
    """Return the splits to take from train: a missing validation, and a missing test if it is asked for.

    A source without any split gets both.

    Args:
        names: how the folders of the source were read.
        with_test: whether a test split is asked for.
    """
    wanted = ("test", "validation") if with_test or names.layout == "CLASS" else ("validation",)
    return () if "train" in names.missing else tuple(split for split in wanted if split in names.missing)


def describe_names(names: FolderNames) -> tuple[str, ...]:
    """Say in sentences how the folders of a source were read; nothing if they are named as the pipeline's own.

    The figure in brackets is the number of files.
    """
    order = (_describe_layout(names.layout),) if names.layout != "SPLIT/CLASS" else ()
    return (*order, *(f"{show_name(one.name)} was read as {one.read_as} ({one.files:,})" for one in names.renamed))


def _describe_layout(layout: Layout) -> str:
    if layout == "CLASS":
        return "no split is named, only CLASS, and all images were read as those of train"
    return f"the folders are {layout}, and were read as SPLIT/CLASS"


def _folder(file: bytes) -> tuple[str, ...]:
    return tuple(file.decode().split("/")[:-1])


def _renamings(folder: tuple[str, ...], placed: tuple[str, ...], layout: Layout) -> Iterator[tuple[str, str]]:
    old = _turn(folder, layout)
    return ((was, now) for was, now in zip(old[:2], placed[:2], strict=True) if was != now)


def _refuse_one_place(
    files: Collection[bytes], merged: Mapping[tuple[str, ...], tuple[str, ...]], origin: Path
) -> None:
    """Refuse two files of one name in folders that are read as one folder; without such folders nothing is read.

    Args:
        files: the names of all files.
        merged: each such folder, and what it is read as.
        origin: for messages.
    """
    seen: dict[tuple[str, ...], str] = {}
    for file in files if merged else ():
        if (folder := _folder(file)) not in merged:
            continue
        name = file.decode()
        placed = (*merged[folder], name.rsplit("/", 1)[-1])
        if placed in seen:
            raise PipelineError(
                f"{origin} holds {show_name(seen[placed])} and {show_name(name)}, whose folders mean the same: both "
                f"would be {show_name('/'.join(placed))}; rename one of the files"
            )
        seen[placed] = name
