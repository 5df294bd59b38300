"""Settings of downloads: waits, further tries, proxy, certificates and limits."""

from pathlib import Path

from pydantic import Field, SecretStr

from data.base.record import Record
from data.sources.transfer_limits import TransferLimits


class DownloadSettings(Record):
    """Settings of downloads."""

    timeout_seconds: float = Field(
        default=60, gt=0, le=3600, description="longest wait for a connection and between two pieces of an answer"
    )
    retries: int = Field(
        default=5, ge=0, le=20, description="further tries of a file after connection faults, each after a longer wait"
    )
    proxy: SecretStr = Field(
        default=SecretStr(""), description="URL of a proxy; empty follows the environment's HTTPS_PROXY"
    )
    ca_bundle: str = Field(
        default="", description="file of certificates to trust, for a proxy that re-encrypts; empty uses the usual ones"
    )
    max_bytes: int = Field(
        default=8 << 30, ge=1, le=1 << 40, description="most bytes that a download may have, all files of it together"
    )
    deadline_seconds: float = Field(
        default=6 * 3600, gt=0, le=30 * 86_400, description="longest time in seconds that a whole download may take"
    )
    reserve_bytes: int = Field(
        default=0, ge=0, le=1 << 50, description="free bytes that must stay on the disk while a download arrives"
    )
    max_files: int = Field(default=200_000, ge=1, le=10_000_000, description="most files in an archive")

    @property
    def verify(self) -> bool | str:
        """The certificates in the form that requests takes."""
        return self.ca_bundle or True

    @property
    def proxies(self) -> dict[str, str]:
        """The proxy in the form that requests takes."""
        proxy = self.proxy.get_secret_value()
        return {"http": proxy, "https": proxy} if proxy else {}

    def limits(self, folder: Path) -> TransferLimits:
        """Return limits for a download into a folder that starts now."""
        return TransferLimits(folder, self.max_bytes, self.reserve_bytes, self.deadline_seconds)
