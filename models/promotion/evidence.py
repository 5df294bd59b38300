"""The evidence that a promotion rests on: models scored on the same images, lined up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.base.errors import OtherImages, PipelineError
from data.records.dataset import Finding
from data.records.promotion import ModelIdentity
from data.records.training import Latency, VariantResult
from data.views.tfrecords import ViewsIndex
from data.workspace.digests import hash_json
from models.evaluation.predictions import correctness_of, probabilities_of, read_predictions
from models.promotion.gain_bound import gain_lower_bounds

DRAW_SEED = 42
ROUNDING = 1e-3
"""By how much a probability that was computed in half precision may be above 1."""

JUDGED_PART = "validation"
MACHINE_FACTS = ("processor", "cores", "memory", "gpus")


@dataclass(frozen=True, eq=False)
class ScoredModel:
    """A trained model with its predictions of the clean validation images."""

    variant: str
    key: str
    """Of its training in the workspace; equal keys are one model."""
    images: str
    """Identity of the images that it was scored on, see `identify_images`: equal only where pixels and labels are."""
    predictions: pd.DataFrame
    """One row an image: image_id, label, probability_0 ... probability_3, see `models.evaluation.predictions`."""
    latency: Latency | None = None
    machine: str = ""
    """What the latency was measured on, see `identify_machine`; empty where that is not known."""
    synthetic: bool = False
    """Whether it was trained on generated images."""

    @property
    def name(self) -> str:
        """How sentences name it."""
        return f"{self.variant} ({self.key})"

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is."""
        return ModelIdentity(variant=self.variant, key=self.key)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything a decision rests on."""

    candidates: tuple[ScoredModel, ...]
    """All models that might have become the challenger, itself included, scored on the same images."""
    challenger: str
    """Key of the candidate that is judged, usually the most accurate one; the bound holds however it was chosen."""
    champion: ScoredModel | None
    findings: tuple[Finding, ...]
    """All that was checked of the data after cleaning and of its changes since the last accepted data set, whether it
    passed or not."""
    reload_difference: float | None
    """Largest absolute difference, 0..1, between the exported model's probabilities and the stored ones; None where the
    export could not be loaded and asked."""
    rolled_back: frozenset[str] = frozenset()
    """Keys of models that somebody took out of use by a rollback and has not promoted since."""


@dataclass(frozen=True, eq=False)
class Contest:
    """Challenger and opponent on the same images in one order."""

    challenger: ScoredModel
    champion: ScoredModel | None
    labels: np.ndarray
    """(n,) indices into CLASSES."""
    correct: np.ndarray
    """(n,) booleans of the challenger."""
    opponent: np.ndarray
    """(n,) booleans of the champion, or of answering the most frequent class where there is none."""
    candidates: int
    gain: float
    gain_low: float


def read_scored_model(result: VariantResult, images: str, synthetic: bool = False) -> ScoredModel:
    """Return a trained variant as evidence.

    Args:
        result: with its directory in the workspace.
        images: identity of the validation images that it was scored on.
        synthetic: whether it was trained on generated images.
    """
    directory = Path(result.directory)
    return ScoredModel(
        variant=result.name,
        key=directory.name,
        images=images,
        predictions=read_predictions(directory, JUDGED_PART),
        latency=result.latency,
        machine=identify_machine(result),
        synthetic=synthetic,
    )


def identify_images(index: ViewsIndex) -> str:
    """Return the identity of the validation images of a directory of records: of their ids, pixels and labels."""
    return hash_json([file.sha256 for file in index.select(JUDGED_PART)])


def identify_machine(result: VariantResult) -> str:
    """Return what a variant's latency was measured with: machine and threads; empty where that is not known."""
    if any(fact not in result.made_with for fact in MACHINE_FACTS):
        return ""
    threads = result.plan.threads or "all"
    return ", ".join([*(f"{fact} {result.made_with[fact]}" for fact in MACHINE_FACTS), f"threads {threads}"])


def find_challenger(evidence: Evidence) -> ScoredModel:
    """Return the challenger, once every candidate's predictions are found to be of the same images as its."""
    keys = [candidate.key for candidate in evidence.candidates]
    if evidence.challenger not in keys or len(set(keys)) < len(keys):
        raise PipelineError(
            f"got challenger {evidence.challenger!r} of the candidates {keys}, expected it to be one of them and each "
            "to be there once: give the key of a trained variant"
        )
    challenger = evidence.candidates[keys.index(evidence.challenger)]
    if challenger.predictions.empty:
        raise PipelineError("got no validation image, expected some: a promotion needs a validation split")
    for candidate in evidence.candidates:
        _require_probabilities(candidate)
        if not _same_images(candidate, challenger):
            raise PipelineError(
                f"got predictions of {candidate.variant} on other validation images than those of "
                f"{challenger.variant}, expected the same: run again with --force"
            )
    return challenger


def hold_contest(evidence: Evidence, challenger: ScoredModel) -> Contest:
    """Line challenger, candidates and opponent up, and measure the gain."""
    champion = evidence.champion
    labels = sorted_predictions(challenger)["label"].to_numpy()
    if champion is None:
        opponent = labels == np.bincount(labels).argmax()
    else:
        _require_same_images(champion, challenger)
        _require_probabilities(champion)
        opponent = correctness_of(sorted_predictions(champion))
    # A champion that was trained again from the same inputs is a candidate too, and no rival of itself.
    rivals = [candidate for candidate in evidence.candidates if champion is None or candidate.key != champion.key]
    correct = np.stack([correctness_of(sorted_predictions(rival)) for rival in rivals], axis=1)
    differences = correct.astype(np.int8) - opponent[:, None].astype(np.int8)
    place = [rival.key for rival in rivals].index(challenger.key)
    return Contest(
        challenger=challenger,
        champion=champion,
        labels=labels,
        correct=correct[:, place],
        opponent=opponent,
        candidates=len(rivals),
        gain=float(differences[:, place].mean()),
        gain_low=float(gain_lower_bounds(differences, DRAW_SEED)[place]),
    )


def sorted_predictions(model: ScoredModel) -> pd.DataFrame:
    """Return a model's predictions by image id, so that models line up."""
    return model.predictions.sort_values("image_id", ignore_index=True)


def _same_images(first: ScoredModel, second: ScoredModel) -> bool:
    ours, theirs = sorted_predictions(first), sorted_predictions(second)
    alike = all(ours[column].tolist() == theirs[column].tolist() for column in ("image_id", "label"))
    return first.images == second.images and alike


def _require_same_images(champion: ScoredModel, challenger: ScoredModel) -> None:
    if not _same_images(champion, challenger):
        raise OtherImages(
            f"got predictions of the champion {champion.name} on other images "
            f"({len(champion.predictions):,} of {champion.images!r}), expected those of the challenger "
            f"{challenger.variant} ({len(challenger.predictions):,} of {challenger.images!r}): score it again first"
        )


def _require_probabilities(model: ScoredModel) -> None:
    probabilities = probabilities_of(model.predictions)
    wrong = int((~((probabilities >= 0) & (probabilities <= 1 + ROUNDING)).all(axis=1)).sum())
    if wrong:
        raise PipelineError(
            f"got {wrong:,} of {len(probabilities):,} predictions of {model.name} with NaN or a value "
            "outside 0..1, expected probabilities: train it again with --force, with float32 or a lower learning rate"
        )
