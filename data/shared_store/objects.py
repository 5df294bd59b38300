"""Objects in a store that several hosts share: S3, Google Cloud Storage, Azure, or a directory.

A request that gets no usable answer is repeated with growing pauses until `wait_seconds` are over. Endpoint, region and
credentials come from the usual variables of each cloud, such as AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID; nothing of
them is stored.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from filelock import FileLock
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from data.base.errors import PipelineError, TransientError
from data.base.record import Record, describe_faults
from data.shared_store.address import first_line, open_backend, store_folder, store_scheme
from data.shared_store.outage import outage_of

if TYPE_CHECKING:
    from obstore import UpdateVersion

Answer = TypeVar("Answer")

Stored = TypeVar("Stored", bound=Record)

Condition = Literal["e_tag", "version"]
"""What of an object a write on a condition compares: the object's tag."""

WAIT_SECONDS = 900.0
"""Default for how long an outage is waited for."""

FIRST_SECONDS = 30.0
"""At most so long the first answer is waited for: a store that never answered may have a wrong address."""

LONGEST_PAUSE_SECONDS = 10.0

CLOCK_NAME, LOCKS_FOLDER = "clock", ".locks"

READ_BYTES = 8 << 20
"""Bytes of a large object that are in memory at once."""


class StoreUnavailable(TransientError):
    """Report a store that gave no usable answer for as long as it was waited for."""


class Found(NamedTuple):
    """What a store says of an object without its content."""

    size: int
    """In bytes."""
    written: datetime
    """By the clock of the store."""


class UnreadableRecord(PipelineError):
    """Report a record in the store that is damaged, or of another release.

    Args:
        message: which one.
        fault: what is wrong with it.
    """

    def __init__(self, message: str, fault: str = "") -> None:
        super().__init__(message)
        self.fault = fault


class ObjectStore:
    """Objects below one address.

    Args:
        url: s3://BUCKET/PREFIX, gs://, az://, or file:///DIRECTORY.
        wait_seconds: how long a request is repeated while the store is out of reach.
        make: make the directory if it is missing; False for whoever only reads.

    Raises:
        MissingStore: the directory is missing, and is not to be made.
        PipelineError: the address is of another form, the variables of its cloud do not suffice, the directory cannot
            be made, or the package obstore is not installed.
    """

    def __init__(self, url: str, wait_seconds: float = WAIT_SECONDS, make: bool = True) -> None:
        self.url, self.wait_seconds, self._answered = url, wait_seconds, False
        self._backend = open_backend(url, make)
        self._outage = outage_of(url)
        self._folder = store_folder(url)
        # Google's condition is the number of an object's generation; the others know the ETag alone, for which S3 and
        # Azure name a version only in some buckets and answers.
        self._condition: Condition = "version" if store_scheme(url) == "gs" else "e_tag"

    def waiting(self, seconds: float) -> "ObjectStore":
        """Return the same store, for requests that wait so long at most."""
        other = copy(self)
        other.wait_seconds = min(seconds, self.wait_seconds)
        return other

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, or None if there is none."""
        return self.read_tagged(name)[0]

    def read_tagged(self, name: str) -> tuple[bytes | None, str]:
        """Return the content of an object and its tag, which changes with every write; None and "" if there is none."""
        return self._ask(lambda: self._get(name))

    def read_record(self, name: str, kind: type[Stored]) -> Stored | None:
        """Return the record that an object has, or None if there is none.

        Raises:
            UnreadableRecord: it is damaged, or of another release.
        """
        content = self.read(name)
        if content is None:
            return None
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            fault = f"cannot be read ({describe_faults(error, 'record')[:300]})"
            raise UnreadableRecord(
                f"got {name} in the store that {fault}, expected a record of this release: use the release of "
                "this project that wrote it, or run `emotion store verify`",
                fault,
            ) from error

    def read_to_file(self, name: str, path: Path) -> bool:
        """Write the content of an object into a file; return False if there is none.

        Raises:
            OSError: the file cannot be written.
        """

        def get() -> bool:
            try:
                got = self._backend.get(name)
            except FileNotFoundError:
                return False
            chunks = got.stream(min_chunk_size=READ_BYTES)
            try:
                file = path.open("wb")
            except OSError as error:
                raise _FileFault(error) from error
            with file:
                for chunk in chunks:
                    try:
                        file.write(chunk)
                    except OSError as error:
                        raise _FileFault(error) from error
            return True

        try:
            return self._ask(get)
        except _FileFault as fault:
            raise fault.error from None

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes, or None if there is none."""
        found = self.look(name)
        return found.size if found else None

    def look(self, name: str) -> Found | None:
        """Return size and time of an object, or None if there is none."""

        def ask() -> Found | None:
            try:
                meta = self._backend.head(name)
            except FileNotFoundError:
                return None
            return Found(meta["size"], meta["last_modified"])

        return self._ask(ask)

    def write(self, name: str, content: bytes | Path) -> None:
        """Write an object, which replaces an older one as a whole.

        Raises:
            FileNotFoundError: the content is a path without a file.
        """
        if isinstance(content, Path) and not content.is_file():
            raise FileNotFoundError(content)
        self._ask(lambda: self._backend.put(name, content))

    def create(self, name: str, content: bytes) -> str:
        """Write an object and return its tag, or return "" if there is one already.

        After an answer was lost, the second attempt may find the object of the first, which it tells by its content.
        """
        from obstore.exceptions import AlreadyExistsError

        def put() -> str:
            try:
                return self._backend.put(name, content, mode="create")[self._condition] or ""
            except AlreadyExistsError:
                return self._tag_of(name, content)

        return self._ask(put)

    def replace(self, name: str, content: bytes, tag: str) -> str:
        """Replace an object and return its new tag, or return "" if it does not have the given one any more.

        Contents that are written so must differ from each other: after an answer was lost, the second attempt tells by
        the content whether the first one counted.
        """
        from obstore.exceptions import PreconditionError

        def put() -> str:
            try:
                if self._folder is None:
                    return self._backend.put(name, content, mode=self._if_still(tag))[self._condition] or ""
                with _lock_in(self._folder, name):  # a directory knows no condition
                    if self._get(name)[1] == tag:
                        return self._backend.put(name, content)[self._condition] or ""
            except (PreconditionError, FileNotFoundError):
                pass
            return self._tag_of(name, content)

        return self._ask(put)

    def delete(self, name: str) -> None:
        """Delete an object, if there is one."""

        def remove() -> None:
            with suppress(FileNotFoundError):
                self._backend.delete(name)

        self._ask(remove)

    def list(self, folder: str, younger: timedelta | None = None) -> Iterator[tuple[str, int]]:
        """Yield the name and the size in bytes of each object in a folder, sorted by name.

        Args:
            folder: whose objects are listed, with those of folders in it; "" for all.
            younger: leave out objects that were written longer ago, by the clock of the store.
        """
        found = self._ask(lambda: [one for page in self._backend.list(folder or None) for one in page])
        if younger is not None and found:
            since = self.now() - younger
            found = [one for one in found if one["last_modified"] > since]
        names = ((str(one["path"]), int(one["size"])) for one in found)
        yield from sorted(one for one in names if not one[0].startswith(LOCKS_FOLDER))

    def is_empty(self) -> bool:
        """Tell whether the store has no object beside the one that tells its time."""
        return all(name == CLOCK_NAME for name, _ in self.list(""))

    def now(self) -> datetime:
        """Return the time of the store, by an object that is written for this."""
        self.write(CLOCK_NAME, b"")
        return self._ask(lambda: self._backend.head(CLOCK_NAME)["last_modified"])

    def _get(self, name: str) -> tuple[bytes | None, str]:
        try:
            got = self._backend.get(name)
        except FileNotFoundError:
            return None, ""
        return bytes(got.bytes()), got.meta[self._condition] or ""

    def _if_still(self, tag: str) -> "UpdateVersion":
        return {"version": tag} if self._condition == "version" else {"e_tag": tag}

    def _tag_of(self, name: str, content: bytes) -> str:
        """Return the tag of an object if it has this content, else ""."""
        found, tag = self._get(name)
        return tag if found == content else ""

    def _ask(self, request: Callable[[], Answer]) -> Answer:
        """Carry out a request, and again while the store is out of reach."""
        from obstore.exceptions import BaseError, NotSupportedError, PermissionDeniedError, UnauthenticatedError

        wait_seconds = self.wait_seconds if self._answered else min(self.wait_seconds, FIRST_SECONDS)
        attempts = Retrying(
            retry=retry_if_exception_type(_Unanswered),
            stop=stop_after_delay(wait_seconds),
            wait=wait_exponential(multiplier=0.5, max=LONGEST_PAUSE_SECONDS),
            reraise=True,
        )

        def attempt() -> Answer:
            try:
                return request()
            except (PermissionDeniedError, UnauthenticatedError) as error:
                raise PipelineError(
                    f"got no access to {self.url} ({first_line(error)}), expected a store that you may read and "
                    "write: check the credentials in the environment"
                ) from None
            except FileNotFoundError as error:
                raise PipelineError(
                    f"got no bucket at {self.url} ({first_line(error)}), expected one: make it first"
                ) from None
            except (NotSupportedError, NotImplementedError) as error:  # nothing was sent
                raise PipelineError(
                    f"got a request that {self.url} cannot be asked ({first_line(error)}), expected a store with "
                    "conditional writes: correct the variables of the cloud"
                ) from None
            except (BaseError, OSError) as error:
                self._outage.miss(first_line(error))
                raise _Unanswered(f"no usable answer from {self.url}: {first_line(error)}") from None

        try:
            answer = attempts(attempt)
        except _Unanswered as error:
            raise StoreUnavailable(
                f"got {error} for {wait_seconds:.0f} s, expected a store that answers: check the network and "
                "the store, then start again, nothing that was finished is lost; EMOTION_STORE_OUTAGE=local goes on "
                "without it"
            ) from None
        self._answered = True
        self._outage.end()
        return answer


def _lock_in(folder: Path, name: str) -> FileLock:
    path = folder / LOCKS_FOLDER / name.replace("/", "-")
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


class _Unanswered(Exception):
    """A request that may be repeated."""


class _FileFault(Exception):
    """A file of this host that cannot be written, such as on a full disk: no fault of the store.

    Args:
        error: of the file.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error
