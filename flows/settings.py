"""Settings of this installation, from EMOTION_* environment variables or a .env file."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from data.drive import DownloadSettings


class Settings(BaseSettings):
    """Where things are on this machine; what a run does is in its parameters instead."""

    model_config = SettingsConfigDict(env_prefix="EMOTION_", env_file=".env", frozen=True, extra="ignore")

    workspace: Path = Field(default=Path("workspace"), description="Directory that keeps every stage of every run")
    weights_dir: Path | None = Field(
        default=None, description="Directory of ImageNet weights, named as Keras names them"
    )
    allow_weight_download: bool = Field(default=True, description="Ask Keras' storage for weights found nowhere else")
    server_start_seconds: float = Field(default=90, gt=0, description="How long a Prefect server may take to start")
    download_timeout_seconds: float = Field(default=60, gt=0, description="Longest silence of a download")
    download_retries: int = Field(default=4, ge=0, le=20, description="Further tries after a connection fault")
    proxy: str = Field(default="", description="Proxy for Google Drive, such as http://127.0.0.1:3128")
    ca_bundle: str = Field(default="", description="PEM file of certificate authorities trusted beside the usual ones")

    def download_settings(self) -> DownloadSettings:
        """Return how downloads are made here."""
        return DownloadSettings(
            timeout_seconds=self.download_timeout_seconds,
            retries=self.download_retries,
            proxy=self.proxy,
            ca_bundle=self.ca_bundle,
        )
