"""The registry of models: its versions, and which of them is champion.

Consumers read the alias `champion` and nothing else, so its move is what commits a promotion or a rollback. Around it
stands the journal (`models.registry.journal`): a move that was interrupted is finished, or marked as undone, at the
next start.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from models.registry.connection import MODEL_NAME, connect, exists_already, is_missing, mlflow_errors, tracking_uri
from models.registry.journal import JOURNAL, NONE, Journal, Move, Step, champion_before
from models.registry.tracking import REPORT_TAG, VARIANT_TAG, TrackedVariant

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

logger = logging.getLogger(__name__)

CHAMPION = "champion"
CHALLENGER = "challenger"
REGISTRY_TAG = "emotion.registry"
"""Of the registered model: an id that stays the same by whichever URI the registry is reached."""

MODEL_TAG = "emotion.model"
"""Of a version: the id of its logged model, which MLflow's database does not give back with a version."""

NAME_TAG = "emotion.variant_name"
SYNTHETIC_TAG = "emotion.synthetic"
"""Of a version: whether it was trained on generated images, "true" or "false"."""

LEFT_TAGS = ("emotion.champion.until", "emotion.champion.next")
"""Of a version that is champion no longer; empty where it is again."""

LOCK_SECONDS = 60.0
READY_SECONDS = 60
TAG_LENGTH = 2000


class VersionRecord(Record):
    """One version of the model."""

    version: int
    created: str = Field(description="ISO 8601, UTC")
    aliases: tuple[str, ...]
    run_id: str
    model_id: str
    tags: dict[str, str]


class ModelRegistry:
    """The versions of the model `emotion`, and the alias `champion`.

    Every method raises TransientError where MLflow is away.

    Args:
        workspace: has the journal, and the registry too where MLFLOW_TRACKING_URI names none.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = Path(workspace)
        self.journal = Journal(self.workspace / JOURNAL)

    @cached_property
    def client(self) -> "MlflowClient":
        """Return the client of MLflow."""
        return connect(self.workspace)

    def list_versions(self) -> list[VersionRecord]:
        """Return all versions, newest first."""
        with self._errors():
            registered = self._registered()
            if registered is None:
                return []
            found = self.client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=1000)
            return sorted((_describe(one, registered) for one in found), key=lambda one: -one.version)

    def show(self, version: int) -> VersionRecord:
        """Return one version.

        Raises:
            PipelineError: there is none of this number.
        """
        versions = {one.version: one for one in self.list_versions()}
        if version not in versions:
            raise PipelineError(_unknown(version, versions))
        return versions[version]

    def champion(self) -> int:
        """Return the champion's version, or 0 where there is none."""
        with self._errors():
            return _aliased(self._registered(), CHAMPION)

    def challenger(self) -> int:
        """Return the version that waits for approval, or 0 where none does."""
        with self._errors():
            return _aliased(self._registered(), CHALLENGER)

    def previous(self) -> int:
        """Return the version that a rollback goes to, or 0 where there is none."""
        return champion_before(step.move for step in self.history())

    def history(self) -> list[Step]:
        """Return the moves that came about, oldest first."""
        with self._errors():
            registered = self._registered()
            return self.journal.done(registered.tags.get(REGISTRY_TAG, "")) if registered else []

    def rolled_back(self) -> frozenset[str]:
        """Return the keys of variants that a rollback took out of use and that were not made champion since."""
        refused: set[int] = set()
        for step in self.history():
            refused.discard(step.move.target)
            if step.move.kind == "rollback":
                refused.add(step.move.source)
        return frozenset(
            version.tags[VARIANT_TAG]
            for version in self.list_versions()
            if version.version in refused and VARIANT_TAG in version.tags
        )

    def protected_keys(self) -> frozenset[str]:
        """Return the keys, in the workspace, of what champion, its predecessor and a waiting challenger came from."""
        serving = {self.champion(), self.previous(), self.challenger()} - {NONE}
        versions = [version for version in self.list_versions() if version.version in serving] if serving else []
        return frozenset(
            version.tags[tag] for version in versions for tag in (VARIANT_TAG, REPORT_TAG) if tag in version.tags
        )

    def fetch_network(self, version: int, directory: Path) -> Path:
        """Copy a version's saved network out of MLflow into a directory, and return its file.

        Raises:
            PipelineError: there is no such version, or its files are gone.
        """
        from mlflow.artifacts import download_artifacts

        self.show(version)
        with self._errors():
            # models:/NAME/VERSION would be looked up in whichever registry MLflow takes for the default one.
            source = self.client.get_model_version_download_uri(MODEL_NAME, str(version))
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
        """Make a version of a tracked variant; the same variant has one version, however often it is registered.

        Args:
            tracked: the variant's run and model in MLflow.
            tags: of the version, the variant's key under `emotion.variant` among them.

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
        with self._errors(), self._mover():
            self._ensure_registered()
            version = self._find_version(tags[VARIANT_TAG])
            if version is None:
                self._require_model(tracked)
                made = self.client.create_model_version(
                    MODEL_NAME,
                    tracked.source,
                    run_id=tracked.run_id,
                    model_id=tracked.model_id,
                    tags={VARIANT_TAG: tags[VARIANT_TAG], MODEL_TAG: tracked.model_id},
                    await_creation_for=READY_SECONDS,
                )
                version = int(made.version)
            self._tag(version, tags)
            return version

    def set_challenger(self, version: int) -> None:
        """Let the alias `challenger` name this version.

        Raises:
            PipelineError: there is none of this number.
        """
        self.show(version)
        with self._errors():
            self.client.set_registered_model_alias(MODEL_NAME, CHALLENGER, str(version))

    def move_champion(self, version: int, by: str, reason: str, move_id: str = "") -> Move | None:
        """Let the alias `champion` name this version.

        Args:
            version: the new champion.
            by: who or what moves it.
            reason: why.
            move_id: names the request, so that a repeated one moves nothing again.

        Returns:
            The move, or None where this version is the champion already.

        Raises:
            PipelineError: there is no such version, or another move is under way.
        """
        with self._errors(), self._mover():
            self._settle()
            earlier = self._find_move(move_id)
            if earlier:
                return earlier
            self.show(version)
            if _aliased(self._registered(), CHAMPION) == version:
                return None
            return self._move("promotion", version, by, reason, move_id)

    def rollback(self, by: str, reason: str, move_id: str = "") -> Move:
        """Let the alias `champion` name the version that was champion before; once more goes further back.

        A rollback that was interrupted is finished, and is then the answer: it is not done twice.

        Raises:
            PipelineError: there is no earlier champion, it was deleted, or another move is under way.
        """
        with self._errors(), self._mover():
            finished = [step.move for step in self._settle() if step.event == "done" and step.move.kind == "rollback"]
            earlier = finished[-1] if finished else self._find_move(move_id)
            if earlier:
                return earlier
            version = self.previous()
            if version == NONE:
                raise PipelineError(
                    "got no earlier champion to go back to: only a second champion has one; choose a version with "
                    "emotion models promote VERSION"
                )
            if version not in {one.version for one in self.list_versions()}:
                raise PipelineError(
                    f"got version {version} as the champion before this one, but it was deleted: choose another with "
                    "emotion models promote VERSION"
                )
            return self._move("rollback", version, by, reason, move_id)

    def settle_moves(self) -> list[Step]:
        """Complete the record of a move that was interrupted, and take up one that was made without it.

        Returns:
            What was written into the journal, oldest first.
        """
        with self._errors(), self._mover():
            return self._settle()

    def _move(self, kind: Any, version: int, by: str, reason: str, move_id: str) -> Move:
        move = Move(
            id=move_id or uuid4().hex,
            registry=self._ensure_registered(),
            kind=kind,
            by=by,
            reason=reason,
            source=_aliased(self._registered(), CHAMPION),
            target=version,
        )
        self.journal.append("intent", move)
        self.client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(version))
        self._complete(move)
        logger.info("champion moved from version %s to %s by %s: %s", move.source or "none", version, by, reason)
        return move

    def _settle(self) -> list[Step]:
        registered = self._registered()
        if registered is None:
            return []
        registry, champion = self._ensure_registered(), _aliased(registered, CHAMPION)
        settled: list[Step] = []
        begun = self.journal.open_move(registry)
        if begun:
            settled.append(self._complete(begun) if champion == begun.target else self.journal.append("undone", begun))
        done = self.journal.done(registry)
        known = done[-1].move.target if done else NONE
        if champion != known:
            settled.append(self._complete(_outside(registry, known, champion)))
        for step in settled:
            logger.warning(
                "move of champion from version %s to %s (%s): %s",
                step.move.source or "none",
                step.move.target or "none",
                step.move.kind,
                step.event,
            )
        return settled

    def _complete(self, move: Move) -> Step:
        """Do what follows the move of the alias, all of which may be done again, and close the record."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        since = {"since": now, "by": move.by, "reason": move.reason, "from": str(move.source), "move": move.id}
        self._tag(move.target, {f"emotion.champion.{name}": value for name, value in since.items()})
        self._tag(move.target, dict.fromkeys(LEFT_TAGS, ""))  # of an earlier time as champion
        self._tag(move.source, dict(zip(LEFT_TAGS, (now, str(move.target)), strict=True)))
        if _aliased(self._registered(), CHALLENGER) == move.target != NONE:
            self.client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)
        return self.journal.append("done", move)

    def _tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version; one that was deleted, or that stands for none, has none."""
        from mlflow.exceptions import MlflowException

        try:
            for name, value in tags.items() if version != NONE else ():
                self.client.set_model_version_tag(MODEL_NAME, str(version), name, str(value)[:TAG_LENGTH])
        except MlflowException as error:
            if not is_missing(error):
                raise

    def _find_version(self, variant_key: str) -> int | None:
        wanted = f"name = '{MODEL_NAME}' and tags.`{VARIANT_TAG}` = '{variant_key}'"
        found = self.client.search_model_versions(wanted)
        return max((int(one.version) for one in found), default=None)

    def _require_model(self, tracked: TrackedVariant) -> None:
        """Raise PipelineError where the model that was tracked is not in MLflow any more, or not in this one."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_logged_model(tracked.model_id)
        except MlflowException as error:
            if not is_missing(error):
                raise
            raise PipelineError(
                f"got model {tracked.model_id}, which was deleted from MLflow, expected one that is there: run again "
                "with --force, which writes it anew"
            ) from error

    def _find_move(self, move_id: str) -> Move | None:
        """Return the move that this request made at an earlier try."""
        return next((step.move for step in self.history() if move_id and step.move.id == move_id), None)

    def _registered(self) -> "RegisteredModel | None":
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(MODEL_NAME)
        except MlflowException as error:
            if is_missing(error):
                return None
            raise

    def _ensure_registered(self) -> str:
        """Return the registry's id, which it is given with its model where it has none."""
        from mlflow.exceptions import MlflowException

        registered = self._registered()
        if registered is None:
            try:
                registered = self.client.create_registered_model(MODEL_NAME, tags={REGISTRY_TAG: uuid4().hex})
            except MlflowException as error:  # another workspace was first
                if not exists_already(error):
                    raise
                registered = self.client.get_registered_model(MODEL_NAME)
        if REGISTRY_TAG not in registered.tags:
            registry = uuid4().hex
            self.client.set_registered_model_tag(MODEL_NAME, REGISTRY_TAG, registry)
            return registry
        return registered.tags[REGISTRY_TAG]

    @contextmanager
    def _mover(self) -> Iterator[None]:
        """Be the one that changes the registry from this workspace."""
        path = self.workspace / JOURNAL.with_name("moves.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise PipelineError(
                f"got no lock on {path} within {LOCK_SECONDS:.0f} s: another move is under way; look at "
                "emotion models list, then try again"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _errors(self) -> Any:
        return mlflow_errors(tracking_uri(self.workspace))


def version_tags(
    variant_key: str, variant_name: str, report: str, decision: str = "", synthetic: bool = False
) -> dict[str, str]:
    """Return the tags that lead from a version to its training, the report that compared it, and the decision."""
    tags = {VARIANT_TAG: variant_key, NAME_TAG: variant_name, REPORT_TAG: report, SYNTHETIC_TAG: str(synthetic).lower()}
    return {**tags, "emotion.decision": decision} if decision else tags


def _describe(found: "ModelVersion", registered: "RegisteredModel") -> VersionRecord:
    return VersionRecord(
        version=int(found.version),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        aliases=tuple(sorted(a for a, version in registered.aliases.items() if int(version) == int(found.version))),
        run_id=found.run_id or "",
        model_id=found.tags.get(MODEL_TAG, ""),
        tags=dict(found.tags),
    )


def _aliased(registered: "RegisteredModel | None", alias: str) -> int:
    return int(registered.aliases.get(alias, NONE)) if registered else NONE


def _outside(registry: str, known: int, champion: int) -> Move:
    return Move(
        registry=registry,
        kind="outside",
        by="unknown",
        reason="found moved without a record, such as on MLflow's own page",
        source=known,
        target=champion,
    )


def _unknown(version: int, versions: Mapping[int, VersionRecord]) -> str:
    known = ", ".join(map(str, sorted(versions))) or "none: a run registers the first"
    return f"got version {version} of the model {MODEL_NAME}, expected one of {known}; see emotion models list"
