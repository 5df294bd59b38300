"""Versions of the model in MLflow's registry: list, register and fetch them, and read their aliases.

`models.registry.champion` moves the alias `champion`.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from data.workspace.mark import claim_root
from data.workspace.registry_lock import hold_registry
from models.registry.connection import MODEL_NAME, connect, exists_already, is_missing, mlflow_errors, tracking_uri
from models.registry.journal import NO_VERSION
from models.registry.tags import MODEL_TAG, REGISTRY_TAG, VARIANT_TAG
from models.registry.tracking import TrackedVariant

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION = "champion"
CHALLENGER = "challenger"
READY_SECONDS = 60
TAG_LENGTH = 2000

NO_VERSION_YET = "which has no version yet: a run registers the first, see emotion models list for other models"


class VersionRecord(Record):
    """One version of the model."""

    version: int
    created: str = Field(description="ISO 8601, UTC")
    aliases: tuple[str, ...]
    run_id: str
    model_id: str
    tags: dict[str, str]


MOST_MODELS = 1000
"""Registered models that are listed at most."""


class VersionStore:
    """Versions of a registered model.

    Every method raises TransientError if MLflow is unreachable.

    Args:
        workspace: contains the registry, unless MLFLOW_TRACKING_URI names another one.
        model: name of the registered model, see `models.registry.model_names`.
    """

    def __init__(self, workspace: Path, model: str = MODEL_NAME) -> None:
        self.workspace, self.model = Path(workspace), model

    @cached_property
    def client(self) -> "MlflowClient":
        """Connect to MLflow."""
        return connect(self.workspace)

    def list_models(self) -> list[str]:
        """List the names of the registered models of all formats."""
        with self._errors():
            found = self.client.search_registered_models(f"name LIKE '{MODEL_NAME}%'", max_results=MOST_MODELS)
            return sorted(one.name for one in found if one.name.split("-")[0] == MODEL_NAME)

    def list_versions(self) -> list[VersionRecord]:
        """List all versions, newest first."""
        with self._errors():
            registered = self._registered()
            if registered is None:
                return []
            found = self.client.search_model_versions(f"name = '{self.model}'", max_results=1000)
            return sorted((_describe(one, registered) for one in found), key=lambda one: -one.version)

    def show(self, version: int) -> VersionRecord:
        """Describe one version.

        Raises:
            PipelineError: no version has this number.
        """
        versions = {one.version: one for one in self.list_versions()}
        if version not in versions:
            known = ", ".join(map(str, sorted(versions)))
            raise PipelineError(
                f"got version {version} of the model {self.model}, "
                + (f"expected one of {known}: see emotion models list" if known else NO_VERSION_YET)
            )
        return versions[version]

    def champion(self) -> int:
        """Find the version of the champion; 0 if there is none."""
        return self._aliased(CHAMPION)

    def challenger(self) -> int:
        """Find the version that waits for approval; 0 if none waits."""
        return self._aliased(CHALLENGER)

    def fetch_network(self, version: int, directory: Path) -> Path:
        """Copy the saved network of a version from MLflow into a directory.

        Returns:
            The file of the network.

        Raises:
            PipelineError: the version does not exist, or its files are gone.
        """
        from mlflow.artifacts import download_artifacts

        self.show(version)
        with self._errors():
            # models:/NAME/VERSION would be looked up in whichever registry MLflow takes for the default one.
            source = self.client.get_model_version_download_uri(self.model, str(version))
            place = {"dst_path": str(directory), "tracking_uri": tracking_uri(self.workspace)}
            package = Path(download_artifacts(artifact_uri=source, **place))
        networks = sorted(package.rglob("*.keras"))
        if not networks:
            raise PipelineError(
                f"got version {version} without a saved network, expected one among its files: promote another version "
                "with emotion models promote VERSION"
            )
        return networks[0]

    def register(self, tracked: TrackedVariant, tags: Mapping[str, str]) -> int:
        """Make a version of a tracked variant; a variant that is registered again keeps its one version.

        Args:
            tracked: run and model of the variant in MLflow.
            tags: of the version; `emotion.variant` among them, with the key of the variant.

        Returns:
            The version.

        Raises:
            PipelineError: the variant has no model in MLflow.
        """
        if not tracked.model_id:
            raise PipelineError(
                f"got MLflow run {tracked.run_id} without a model, expected one of a variant that was trained and is "
                "still in the workspace: run it again"
            )
        with self._errors(), self._exclusive():
            self._ensure_registered()
            version = self._find_version(tags[VARIANT_TAG])
            if version is None:
                model = self._require_model(tracked)
                made = self.client.create_model_version(
                    self.model,
                    model.artifact_location,  # not of `tracked`: the workspace may have been moved since
                    run_id=tracked.run_id,
                    model_id=tracked.model_id,
                    tags={VARIANT_TAG: tags[VARIANT_TAG], MODEL_TAG: tracked.model_id},
                    await_creation_for=READY_SECONDS,
                )
                version = int(made.version)
            self._tag(version, tags)
            return version

    def set_challenger(self, version: int) -> None:
        """Set the alias `challenger` to this version.

        Raises:
            PipelineError: no version has this number.
        """
        self.show(version)
        with self._errors():
            self.client.set_registered_model_alias(self.model, CHALLENGER, str(version))

    def describe(self, version: int, tags: Mapping[str, str]) -> None:
        """Add tags to a version."""
        with self._errors():
            self._tag(version, tags)

    def _aliased(self, alias: str) -> int:
        with self._errors():
            registered = self._registered()
            return int(registered.aliases.get(alias, NO_VERSION)) if registered else NO_VERSION

    def _tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version; skip a version that was deleted, and `NO_VERSION`."""
        from mlflow.exceptions import MlflowException

        try:
            for name, value in tags.items() if version != NO_VERSION else ():
                self.client.set_model_version_tag(self.model, str(version), name, str(value)[:TAG_LENGTH])
        except MlflowException as error:
            if not is_missing(error):
                raise

    def _find_version(self, variant_key: str) -> int | None:
        wanted = f"name = '{self.model}' and tags.`{VARIANT_TAG}` = '{variant_key}'"
        found = self.client.search_model_versions(wanted)
        return max((int(one.version) for one in found), default=None)

    def _require_model(self, tracked: TrackedVariant) -> "LoggedModel":
        """Find the tracked model; raise PipelineError if it is no longer in MLflow, or is in another MLflow."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_logged_model(tracked.model_id)
        except MlflowException as error:
            if not is_missing(error):
                raise
            raise PipelineError(
                f"got model {tracked.model_id}, which was deleted from MLflow, expected one that exists: run again "
                "with --force, which writes a new one"
            ) from error

    def _registered(self) -> "RegisteredModel | None":
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(self.model)
        except MlflowException as error:
            if is_missing(error):
                return None
            raise

    def _ensure_registered(self) -> str:
        """Create the registered model and the id of the registry if they are missing, and return the id."""
        from mlflow.exceptions import MlflowException

        registered = self._registered()
        if registered is None:
            try:
                registered = self.client.create_registered_model(self.model, tags={REGISTRY_TAG: uuid4().hex})
            except MlflowException as error:  # another workspace was first
                if not exists_already(error):
                    raise
                registered = self.client.get_registered_model(self.model)
        if REGISTRY_TAG not in registered.tags:
            registry = uuid4().hex
            self.client.set_registered_model_tag(self.model, REGISTRY_TAG, registry)
            return registry
        return registered.tags[REGISTRY_TAG]

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock under which this workspace changes the registry."""
        claim_root(self.workspace.resolve())
        with hold_registry(self.workspace):
            yield

    def _errors(self) -> AbstractContextManager[None]:
        return mlflow_errors(tracking_uri(self.workspace))


def _describe(found: "ModelVersion", registered: "RegisteredModel") -> VersionRecord:
    return VersionRecord(
        version=int(found.version),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        aliases=tuple(sorted(a for a, version in registered.aliases.items() if int(version) == int(found.version))),
        run_id=found.run_id or "",
        model_id=found.tags.get(MODEL_TAG, ""),
        tags=dict(found.tags),
    )
