"""A training as another host gets it: keys instead of paths, and what has to be equal there."""

from pathlib import Path
from typing import Self

from pydantic import Field

from data.base.errors import PipelineError
from data.base.record import Record
from data.system.provenance import package_versions
from data.workspace.digests import hash_json
from data.workspace.layout import SOFT_LABELS_STAGE, VIEWS_STAGE
from data.workspace.store import Produced, Workspace
from models.catalog.train_config import TrainConfig
from models.catalog.variants import Variant
from tasks.training.train import TrainingJob, training_inputs

COMPARED_PACKAGES = ("python", "tensorflow", "keras", "numpy")
"""Packages whose versions decide the figures of a training."""


class RemoteTraining(Record):
    """Training of one variant on whichever host takes it."""

    variant: Variant
    train: TrainConfig
    seed: int = Field(ge=0)
    is_repeat: bool
    views: str = Field(description="key of the TFRecords, as are the next two")
    short_views: str = ""
    soft_labels: str = ""
    key: str = Field(description="of the training; a host with other code finds another one")
    versions: dict[str, str] = Field(description="of `COMPARED_PACKAGES` where the run was started")
    parent: str = Field(default="", description="Prefect's id of the flow run that waits for it")

    @classmethod
    def describe(cls, job: TrainingJob, views: Produced, key: str, parent: str) -> Self:
        """Describe a training for other hosts.

        Args:
            job: the training here.
            views: that it is trained on.
            key: of the training.
            parent: Prefect's id of the flow run that waits for it.
        """
        return cls(
            variant=job.variant,
            train=job.train,
            seed=job.seed,
            is_repeat=job.is_repeat,
            views=views.key,
            short_views=job.short_views.key if job.short_views else "",
            soft_labels=job.soft_labels.key if job.soft_labels else "",
            key=key,
            versions=compared_versions(),
            parent=parent,
        )

    def require_versions(self) -> None:
        """Check that this host has the packages of the one that started the run.

        Raises:
            PipelineError: a version differs.
        """
        here = compared_versions()
        other = [
            f"{name} {self.versions.get(name)}, here {here[name]}"
            for name in here
            if self.versions.get(name) != here[name]
        ]
        if other:
            raise PipelineError(
                f"got a training of a host with {'; '.join(other)}, expected equal versions: run make on both hosts "
                "with the same requirements.lock"
            )

    def open(
        self, workspace: Workspace, threads: int, weights_dir: Path | None, allow_weight_download: bool
    ) -> tuple[TrainingJob, Produced]:
        """Return the training for this host and its views, which are fetched if they are not here."""
        views, short_views = (
            workspace.obtain(VIEWS_STAGE, key, verify=True) if key else None for key in (self.views, self.short_views)
        )
        if views is None:
            raise PipelineError("got a training without views, expected their key: start the run again")
        job = TrainingJob(
            variant=self.variant,
            train=self.train,
            seed=self.seed,
            is_repeat=self.is_repeat,
            threads=threads,
            weights_dir=weights_dir,
            allow_weight_download=allow_weight_download,
            features=workspace.root,
            short_views=short_views,
            soft_labels=workspace.obtain(SOFT_LABELS_STAGE, self.soft_labels) if self.soft_labels else None,
        )
        return job, views

    def require_key(self, job: TrainingJob, views: Produced, weights: Path | None) -> None:
        """Check that the training has the same key here.

        Raises:
            PipelineError: code or weights differ.
        """
        key = hash_json(training_inputs(job, views, weights))
        if key != self.key:
            raise PipelineError(
                f"got the training {self.key}, which has the key {key} here, expected equal code and weights on both "
                "hosts: check out the same commit, and give both the same weights"
            )


def compared_versions() -> dict[str, str]:
    """Return the versions of this host that decide the figures of a training."""
    versions = package_versions()
    return {name: versions[name] for name in COMPARED_PACKAGES}
