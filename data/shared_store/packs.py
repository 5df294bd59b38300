"""Objects that hold the files of a directory, named for their content.

A large file is an object of its own. Small ones are packed into tar files: a data set has tens of thousands of images,
and a request costs as much as a megabyte. Since a name follows from the content, two hosts that write the same
directory write the same objects, and a damaged object is recognised.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from data.base.errors import PipelineError
from data.base.record import Record
from data.shared_store.objects import Found, ObjectStore
from data.workspace.digests import hash_file

ALONE_BYTES = 4 << 20
"""Size from which a file is an object of its own."""

PACK_BYTES = 32 << 20
"""About how many bytes of small files are packed together: so much is in memory at once."""

OBJECTS_FOLDER = "objects"

FRESH = timedelta(days=1)
"""What is older is written again when it is used, since pruning on another host goes by the age and may be about to
remove it. It is so long because the clocks of host and store may differ."""


class Packed(Record):
    """Where the files of a directory are in a store."""

    packs: tuple[str, ...]
    """SHA-256 of the tar files of the small ones."""
    alone: dict[str, str]
    """File -> SHA-256, of the large ones."""

    def objects(self) -> set[str]:
        """Return the names of all objects."""
        return {object_name(digest) for digest in (*self.packs, *self.alone.values())}


class DamagedObject(PipelineError):
    """Report an object that is missing or has other content than its name says.

    Args:
        name: of the object.
        what: is wrong.
    """

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"got {name} that {what}, expected the content that its name says")
        self.name = name


def object_name(digest: str) -> str:
    """Return the name of the object with this SHA-256."""
    return f"{OBJECTS_FOLDER}/{digest[:2]}/{digest}"


def pack(store: ObjectStore, directory: Path, files: Mapping[str, tuple[int, str]]) -> Packed:
    """Write the files of a directory into a store, as far as it does not have them.

    Args:
        store: to write to.
        directory: that has the files.
        files: path below it -> size in bytes and SHA-256.
    """
    alone = {name: digest for name, (size, digest) in files.items() if size >= ALONE_BYTES}
    for name, digest in sorted(alone.items()):
        if not _is_there(store, object_name(digest), files[name][0]):
            store.write(object_name(digest), directory / name)
    packs = []
    for names in _group({name: size for name, (size, _) in files.items() if name not in alone}):
        content = _write_tar(directory, names)
        digest = hashlib.sha256(content).hexdigest()
        if not _is_there(store, object_name(digest), len(content)):
            store.write(object_name(digest), content)
        packs.append(digest)
    return Packed(packs=tuple(packs), alone=alone)


def unpack(store: ObjectStore, packed: Packed, directory: Path) -> None:
    """Write the files of a packed directory into an empty one, and check each object that they come from.

    Raises:
        DamagedObject: an object is missing, or has other content than its name says.
    """
    for digest in packed.packs:
        content = store.read(object_name(digest))
        _check(object_name(digest), digest, hashlib.sha256(content).hexdigest() if content is not None else None)
        with tarfile.open(fileobj=io.BytesIO(content or b"")) as archive:
            archive.extractall(directory, filter="data")
    for name, digest in sorted(packed.alone.items()):
        path = directory / _safe(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        found = store.read_to_file(object_name(digest), path)
        _check(object_name(digest), digest, hash_file(path) if found else None)


def is_fresh(found: Found) -> bool:
    """Tell whether an object was written lately."""
    return datetime.now(UTC) - found.written < FRESH


def remove_damaged(store: ObjectStore, packed: Packed) -> set[str]:
    """Remove the objects of a packed directory that have other content than their names say.

    Returns:
        The names of those, and of objects that were missing already.
    """
    faulty = set[str]()
    with TemporaryDirectory(prefix="emotion-verify-") as folder:
        path = Path(folder, "object")
        for name in sorted(packed.objects()):
            found = store.read_to_file(name, path)
            if not found or hash_file(path) != PurePosixPath(name).name:
                store.delete(name)
                faulty.add(name)
    return faulty


def _is_there(store: ObjectStore, name: str, size: int) -> bool:
    """Tell whether an object need not be written; an old one may be about to be pruned."""
    found = store.look(name)
    return found is not None and found.size == size and is_fresh(found)


def _check(name: str, expected: str, found: str | None) -> None:
    if found is None:
        raise DamagedObject(name, "is missing")
    if found != expected:
        raise DamagedObject(name, "was changed or damaged")


def _safe(name: str) -> str:
    """Return a path that stays inside its directory; tar files are checked when they are unpacked."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise PipelineError(f"got the file {name} in a record of the store, expected a path inside its stage")
    return name


def _group(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Divide files into groups of about `PACK_BYTES`, in the order of their names."""
    group: list[str] = []
    total = 0
    for name, size in sorted(sizes.items()):
        group.append(name)
        total += size
        if total >= PACK_BYTES:
            yield group
            group, total = [], 0
    if group:
        yield group


def _write_tar(directory: Path, names: list[str]) -> bytes:
    """Return a tar file that depends on the names and contents of the files alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            content = (directory / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
