"""Settings of this installation, from EMOTION_* environment variables or a .env file."""

import logging
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from data.base.errors import PipelineError
from data.shared_store.address import refuse_overlap
from data.shared_store.objects import WAIT_SECONDS, ObjectStore
from data.shared_store.tier import SharedTier
from data.sources.archives.entries import show_name
from data.sources.download_settings import DownloadSettings
from data.sources.limits import ExtractLimits
from data.system.file_systems import network_file_system
from data.workspace.mark import find_mark
from data.workspace.store import RESERVE_BYTES, Workspace
from models.registry.connection import MODEL_NAME

logger = logging.getLogger(__name__)

PREFIX = "EMOTION_"
ENV_FILE = ".env"
"""File of settings in the current directory."""

OTHER_VARIABLES = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "DATABASE_PASSWORD",
        "MLFLOW_URL",
        "PASSWORD",
        "REPORTS_URL",
        "SECRET_SOURCE",
        "UP",
        "UP_PART",
        "WRITE_RELIABILITY",
    )
)
"""Variables of processes, deploy/compose.yaml and tests, which are no settings of an installation."""

Port = Annotated[int, Field(ge=1, le=65535)]


def _require_user_and_password(value: SecretStr) -> SecretStr:
    user, _, password = value.get_secret_value().partition(":")
    if value.get_secret_value() and not (user and password):
        raise ValueError("expected USER:PASSWORD")
    return value


def _expand(path: Path) -> Path:
    try:
        expanded = path.expanduser()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            expanded.stat()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a link to itself, no such user, a NUL
        raise ValueError(f"expected a path that can be used ({getattr(error, 'strerror', None) or error})") from error
    return expanded


ExpandedPath = Annotated[Path, AfterValidator(_expand)]
"""Path whose leading ~ means the home directory."""

UserAndPassword = Annotated[SecretStr, AfterValidator(_require_user_and_password)]


class Settings(BaseSettings):
    """Settings of this machine, such as paths and ports; the parameters of a flow say what a run does."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    workspace: ExpandedPath = Field(
        default=Path("workspace"), description="Directory that stores every stage of every run"
    )
    weights_dir: ExpandedPath | None = Field(
        default=None, description="Directory of ImageNet weights, with the file names of Keras"
    )
    allow_weight_download: bool = Field(
        default=True, description="Download weights from Keras' storage if no copy is found"
    )
    server_start_seconds: float = Field(
        default=90, gt=0, le=3600, description="Seconds that a Prefect server may take to start"
    )
    download_timeout_seconds: Annotated[float, DownloadSettings.model_fields["timeout_seconds"]] = 60
    download_retries: Annotated[int, DownloadSettings.model_fields["retries"]] = 4
    download_max_bytes: Annotated[int, DownloadSettings.model_fields["max_bytes"]] = 8 << 30
    download_deadline_seconds: Annotated[float, DownloadSettings.model_fields["deadline_seconds"]] = 6 * 3600
    proxy: Annotated[SecretStr, DownloadSettings.model_fields["proxy"]] = SecretStr("")
    ca_bundle: Annotated[str, DownloadSettings.model_fields["ca_bundle"]] = ""
    max_files: Annotated[int, ExtractLimits.model_fields["max_files"]] = 200_000
    max_total_bytes: Annotated[int, ExtractLimits.model_fields["max_total_bytes"]] = 4 << 30
    max_ratio: Annotated[float, ExtractLimits.model_fields["max_ratio"]] = 100
    host: str = Field(default="127.0.0.1", min_length=1, description="Address on which the parts of emotion up listen")
    host_names: str = Field(
        default="",
        pattern=r"^$|^[A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*$",
        description="Comma-separated host names by which the parts may be reached, besides their addresses",
    )
    prefect_port: Port = Field(default=4200, description="Port of Prefect's API and UI")
    mlflow_port: Port = Field(default=5000, description="Port of MLflow's UI")
    reports_port: Port = Field(default=8060, description="Port of the report and verdict pages")
    serve_port: Port = Field(default=8750, description="Port of the champion's web service and its page")
    serve_model: str = Field(
        default=MODEL_NAME,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Registered model whose champion answers on the web",
    )
    serve_token: SecretStr = Field(
        default=SecretStr(""), description="Token for which emotion serve asks; empty: none on 127.0.0.1"
    )
    serve_token_file: ExpandedPath | None = Field(
        default=None, description="File with that token, if the environment should not have it"
    )
    review_port: Port = Field(default=8770, description="Port of the page on which people review labels")
    review_token: SecretStr = Field(
        default=SecretStr(""), description="Token for which emotion review asks; empty: none on 127.0.0.1"
    )
    review_token_file: ExpandedPath | None = Field(
        default=None, description="File with that token, if the environment should not have it"
    )
    feedback: bool = Field(
        default=False, description="Whether users of the champion's page may store a face with the right answer"
    )
    feedback_pictures: int = Field(default=2_000, ge=1, le=1_000_000, description="Faces that are stored so, at most")
    feedback_bytes: int = Field(default=64 << 20, ge=1 << 16, le=1 << 40, description="Bytes of them, at most")
    database_url: SecretStr = Field(
        default=SecretStr(""), description="PostgreSQL of the Prefect server; empty: SQLite in the workspace"
    )
    prefect_auth: UserAndPassword = Field(
        default=SecretStr(""),
        description="USER:PASSWORD of the Prefect server and the report pages; empty: the workspace's own",
    )
    mlflow_auth: UserAndPassword = Field(
        default=SecretStr(""),
        description="USER:PASSWORD of MLflow's administrator, for which its UI asks; empty: the workspace's own",
    )
    notify_block: str = Field(
        default="",
        pattern=r"^$|^[a-z0-9-]+/[a-z0-9-]+$",
        description="Prefect block that is notified, such as slack-webhook/team",
    )
    schedule_cron: str = Field(
        default="", description="Cron expression that replaces that of every schedule, to try schedules out"
    )

    keep_reports: int = Field(
        default=8,
        ge=0,
        le=10_000,
        description="Newest reports to keep when a run prunes the workspace; 0 prunes nothing",
    )
    reserve_bytes: int = Field(
        default=RESERVE_BYTES,
        ge=0,
        le=1 << 50,
        description="Free bytes that must stay on the disk beside what a stage needs",
    )

    store: str = Field(
        default="",
        description="Store that several hosts share: s3://BUCKET/PREFIX, gs://, az:// or file:///DIRECTORY; its "
        "credentials are in the variables of the cloud",
    )
    store_wait_seconds: float = Field(
        default=WAIT_SECONDS, ge=0, le=86400, description="Seconds for which an unreachable store is waited for"
    )
    store_outage: Literal["fail", "local"] = Field(
        default="fail",
        description="What a run does after that: fail, or use the workspace alone; emotion store push then "
        "gives the store what it missed",
    )

    dask: str = Field(
        default="",
        pattern=r"^$|^(tcp|tls)://[A-Za-z0-9.\[\]:-]+$",
        description="Address of Dask's scheduler, such as tcp://127.0.0.1:8786, whose workers measure images, "
        "make views and score photos; empty: the cores of this host",
    )
    worker_limit: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Trainings that emotion worker takes from other hosts at once; 0: one",
    )

    def listed_host_names(self) -> list[str]:
        """Return the names of EMOTION_HOST_NAMES in lower case."""
        return [name.lower() for name in self.host_names.split(",") if name]

    def open_workspace(self, force: bool = False, shared: bool = True) -> Workspace:
        """Return the workspace.

        Args:
            force: write every stage again.
            shared: put the store behind it, if there is one.
        """
        if kind := network_file_system(self.workspace):
            logger.warning(
                "the workspace %s is on %s: locks of other hosts may not hold there; use a local disk",
                self.workspace,
                kind,
            )
        tier = SharedTier(self.open_store(), self.store_outage == "local") if self.store and shared else None
        return Workspace(self.workspace, force=force, reserve_bytes=self.reserve_bytes, tier=tier)

    def open_store(self, make: bool = True) -> ObjectStore:
        """Return the store that several hosts share; `make` makes its directory if it is one that is missing.

        Raises:
            MissingStore: its directory is missing, and is not to be made.
            PipelineError: EMOTION_STORE names none, is no address of one, or shares a directory with the workspace.
        """
        if not self.store:
            raise PipelineError("got no EMOTION_STORE, expected the address of a store, such as s3://bucket/prefix")
        refuse_overlap(self.store, self.workspace)
        return ObjectStore(self.store, self.store_wait_seconds, make)

    def download_settings(self) -> DownloadSettings:
        """Return the settings of downloads."""
        return DownloadSettings(
            timeout_seconds=self.download_timeout_seconds,
            retries=self.download_retries,
            proxy=self.proxy,
            ca_bundle=self.ca_bundle,
            max_bytes=self.download_max_bytes,
            deadline_seconds=self.download_deadline_seconds,
            reserve_bytes=self.reserve_bytes,
            max_files=self.max_files,
        )

    def extract_limits(self) -> ExtractLimits:
        """Return the limits of a data set's size."""
        return ExtractLimits(max_files=self.max_files, max_total_bytes=self.max_total_bytes, max_ratio=self.max_ratio)


def load_settings() -> Settings:
    """Return the settings of this installation.

    Raises:
        PipelineError: a variable has a value that is not allowed, or the workspace's directory is something else.
    """
    settings = read_settings()
    find_mark(settings.workspace.resolve())
    return settings


def read_settings() -> Settings:
    """Return the settings of this installation without looking at the workspace.

    Raises:
        PipelineError: a variable has a value that is not allowed, or the file of settings cannot be read, or another
            user can change it.
    """
    path = Path(ENV_FILE).absolute()
    try:
        _refuse_unsafe_file(path)
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"got {path}, which cannot be read ({error}); expected lines EMOTION_NAME=VALUE in UTF-8: correct it, or "
            "delete it"
        ) from error
    except ValidationError as error:
        faults = [f"{_name_fault(str(fault['loc'][0]), fault['input'])}: {fault['msg']}" for fault in error.errors()]
        raise PipelineError(f"got {'; '.join(faults)}; correct it in the environment or in .env") from error


def read_usable_settings() -> tuple[Settings, str]:
    """Return the settings with defaults in place of those that are wrong, and what is wrong: empty if nothing is."""
    try:
        return read_settings(), ""
    except PipelineError as error:
        file = ENV_FILE if isinstance(error.__cause__, ValidationError) else None  # None: the file cannot be used
        return _with_defaults(file), str(error)


def _with_defaults(file: str | None) -> Settings:
    try:
        return Settings(_env_file=file)  # type: ignore[call-arg]
    except ValidationError as error:
        wrong = {str(fault["loc"][0]) for fault in error.errors()}
        defaults = {name: Settings.model_fields[name].default for name in wrong}
        return Settings(_env_file=file, **defaults)  # type: ignore[call-arg]


def name_variable(setting: str) -> str:
    """Return the variable of the environment that sets a setting."""
    return f"{PREFIX}{setting.upper()}"


def find_unknown_names() -> list[str]:
    """List the variables of the environment and of the file of settings that begin as settings do and are none."""
    known = {name_variable(setting) for setting in Settings.model_fields} | OTHER_VARIABLES
    written: Iterable[str] = ()
    with suppress(OSError, UnicodeDecodeError, PipelineError):
        _refuse_unsafe_file(Path(ENV_FILE).absolute())
        written = DotEnvSettingsSource(Settings).env_vars
    names = {name.upper() for name in (*os.environ, *written)}
    return sorted(show_name(name) for name in names if name.startswith(PREFIX) and name not in known)


def _refuse_unsafe_file(path: Path) -> None:
    """Refuse settings that another user wrote or can change: they name servers, directories and passwords."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if status.st_uid not in (0, os.geteuid()):
        raise PipelineError(
            f"got settings from {path}, which belongs to the user with the number {status.st_uid}; expected a file of "
            "yours: start from another directory, or make the file yours if you trust its content"
        )
    if status.st_mode & stat.S_IWOTH:
        raise PipelineError(f"got settings from {path}, which every user can change: run chmod o-w {path}")


def settings_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that give another process these settings, with secrets in clear text."""
    return {
        name_variable(name): _as_text(value)
        for name, value in settings.model_dump().items()
        if value is not None  # no text means None
    }


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.resolve() if isinstance(value, Path) else value)


def _name_fault(name: str, value: object) -> str:
    secret = Settings.model_fields[name].annotation is SecretStr
    return f"{name_variable(name)}={'(not shown)' if secret else show_name(str(value))}"
