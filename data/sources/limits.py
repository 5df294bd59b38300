"""Limits on the content of an archive or folder, and the count that keeps them."""

from pathlib import Path

from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from data.sources.archives.streams import too_many_entries

RATIO_FREE_BYTES = 1 << 20
"""Below this size a high compression ratio is harmless; small archives of flat images have one."""

FREE_NAME_BYTES = 1 << 20
"""Bytes of names that are allowed whatever the limit of files is."""

NAME_BYTES = 160
"""Most bytes of an archive's names, on average over the files that it may hold: the names are kept in memory."""


class ExtractLimits(Record):
    """Limits on the content of an archive."""

    max_files: int = Field(
        default=200_000, ge=1, le=10_000_000, description="most files and folders in an archive or folder"
    )
    max_total_bytes: int = Field(
        default=4 << 30, ge=1, le=1 << 40, description="most bytes of all files together, unpacked"
    )
    max_ratio: float = Field(
        default=100, ge=1, le=10_000, description="most unpacked bytes for one byte of the archive, from 1 MiB on"
    )


class Tally:
    """Counts of entries and bytes; an exceeded limit is an error.

    Args:
        limits: how much there may be.
        origin: for messages.
        packed_bytes: size of the archive, None for a folder.
    """

    def __init__(self, limits: ExtractLimits, origin: Path, packed_bytes: int | None) -> None:
        self._limits, self._origin, self._packed_bytes = limits, origin, packed_bytes
        self._entries = self._total_bytes = self._name_bytes = 0

    def add(self, entries: int = 0, size_bytes: int = 0, name_bytes: int = 0) -> None:
        """Count, and raise a PipelineError at the first exceeded limit."""
        self._entries += entries
        self._total_bytes += size_bytes
        self._name_bytes += name_bytes
        limits = self._limits
        if self._entries > limits.max_files or self._name_bytes > max(FREE_NAME_BYTES, NAME_BYTES * limits.max_files):
            raise too_many_entries(self._origin, limits.max_files)
        if self._total_bytes > limits.max_total_bytes:
            raise PipelineError(
                f"{self._origin} unpacks to more than {limits.max_total_bytes} bytes; set "
                "EMOTION_MAX_TOTAL_BYTES higher if you expect that"
            )
        if self._packed_bytes and self._total_bytes > max(RATIO_FREE_BYTES, limits.max_ratio * self._packed_bytes):
            raise PipelineError(
                f"{self._origin} unpacks to more than {limits.max_ratio:g} times its size, which images never do; set "
                "EMOTION_MAX_RATIO higher if you trust it"
            )
