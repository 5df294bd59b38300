"""Evidence for a promotion: models that were scored on the same images, and their answers in one order."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data.base.data_format import SEED_FORMAT
from data.base.errors import OtherImages, PipelineError
from data.records.dataset import Finding
from data.records.promotion import ModelIdentity
from data.records.training import Latency, VariantResult
from data.records.truths import TruthName
from data.views.tfrecords import ViewsIndex
from data.workspace.digests import hash_json
from data.workspace.stage_record import read_record
from models.evaluation.judging import JUDGED_PART, Truth
from models.evaluation.predictions import correctness_of, probabilities_of, read_predictions
from models.jobs.files import NETWORK_NAME, RESULT_NAME
from models.promotion.gain_bound import gain_lower_bounds

logger = logging.getLogger(__name__)

DRAW_SEED = 42
LARGEST_EXCESS = 1e-3
"""By how much a probability may exceed 1 after a computation in half precision."""

MACHINE_FACTS = ("processor", "cores", "memory", "gpus")


@dataclass(frozen=True, eq=False)
class ScoredModel:
    """A trained model with its predictions of the clean validation images."""

    variant: str
    key: str
    """Key of its training in the workspace; equal keys are one model."""
    images: str
    """Identity of the images that it was scored on, see `identify_images`: equal only if pixels and labels are."""
    predictions: pd.DataFrame
    """One row an image: image_id, label, probability_0, probability_1, ..., see `models.evaluation.predictions`."""
    latency: Latency | None = None
    machine: str = ""
    """Machine that measured the latency, see `identify_machine`; empty if it is not known."""
    synthetic: bool = False
    """Whether it was trained on generated images."""
    chosen_on_judged: bool = False
    """Whether its epoch was chosen by the images that it is judged on here."""

    @property
    def name(self) -> str:
        """Name the model in sentences."""
        return f"{self.variant} ({self.key})"

    @property
    def identity(self) -> ModelIdentity:
        """Identify the model by variant and key."""
        return ModelIdentity(variant=self.variant, key=self.key)


@dataclass(frozen=True, eq=False)
class RegisteredChampion:
    """The champion as the registry of models describes it."""

    variant: str
    key: str
    """Key of its training, which may be in another workspace."""
    synthetic: bool
    """Whether it was trained on generated images."""
    fetch_network: Callable[[], Path]
    """Copies its saved network out of the registry."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that a decision depends on."""

    candidates: tuple[ScoredModel, ...]
    """All models that could have become the challenger, the challenger included, scored on the same images."""
    challenger: str
    """Key of the candidate that is judged, usually the most accurate one; the bound holds for any way of choosing."""
    champion: ScoredModel | None
    findings: tuple[Finding, ...]
    """All checks of the data after cleaning and of its changes since the last accepted data set, passed or not."""
    reload_difference: float | None
    """Largest absolute difference, 0..1, between the probabilities of the saved network, loaded again, and the stored
    ones; None if it could not be loaded and scored."""
    rolled_back: frozenset[str] = frozenset()
    """Keys of models that a rollback took out of use and that were not promoted since."""
    classes: tuple[str, ...] = SEED_FORMAT.labels
    """Names in label order; a champion of another format is never compared."""
    truth: TruthName = "published"
    """Labels in the predictions of all models, see `judge_model`."""


@dataclass(frozen=True, eq=False)
class PairedAnswers:
    """Right and wrong answers of challenger and opponent on the same images in one order."""

    challenger: ScoredModel
    champion: ScoredModel | None
    classes: tuple[str, ...]
    """Names in label order."""
    labels: np.ndarray
    """(n,) indices into `classes`."""
    correct: np.ndarray
    """(n,) booleans: whether the challenger is right."""
    opponent: np.ndarray
    """(n,) booleans: whether the champion is right; without a champion, whether the most frequent class is."""
    candidates: int
    gain: float
    gain_low: float
    truth: TruthName = "published"


def read_scored_model(result: VariantResult, images: str, synthetic: bool = False) -> ScoredModel:
    """Read a trained variant and its stored predictions.

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
        chosen_on_judged=result.monitor == JUDGED_PART,
    )


def score_champion(
    champion: RegisteredChampion, training: Path, views: str, images: str, score: Callable[[Path], pd.DataFrame]
) -> ScoredModel:
    """Read the champion's predictions of the validation images; score it again if it was scored on other images.

    Args:
        champion: as the registry describes it.
        training: its directory in this workspace, if it was trained here.
        views: key of the views with the validation images.
        images: identity of these images.
        score: from the file of a network to its predictions of these images.

    Raises:
        PipelineError: it cannot be fetched or scored.
    """
    network = training / NETWORK_NAME
    if not network.exists():  # trained in another workspace, so its latency is not known either
        logger.info("scoring the champion %s (%s) from MLflow", champion.variant, champion.key)
        predictions = score(champion.fetch_network())
        return ScoredModel(champion.variant, champion.key, images, predictions, synthetic=champion.synthetic)
    stored = VariantResult.model_validate_json((training / RESULT_NAME).read_bytes())
    model = read_scored_model(stored.model_copy(update={"directory": str(training)}), images, champion.synthetic)
    if read_record(training).inputs.get("views") == views:
        return model
    logger.info("scoring the champion %s on this validation split", model.name)
    return replace(model, predictions=score(network))


def judge_model(model: ScoredModel, truth: Truth) -> ScoredModel:
    """Return a model with these labels in its predictions, on the images that have one; the same for every model."""
    return replace(model, predictions=truth.judge(model.predictions))


def measure_reload(again: pd.DataFrame, training: Path) -> float:
    """Measure the largest absolute difference between new predictions of a saved network and the stored ones.

    Args:
        again: predictions of the validation part by the network, loaded again, sorted by image id.
        training: directory of the training, with the stored predictions.
    """
    stored = read_predictions(training, JUDGED_PART)
    return float(np.abs(probabilities_of(again) - probabilities_of(stored)).max())


def identify_images(index: ViewsIndex) -> str:
    """Identify the validation images of a directory of records by a hash of their ids, pixels and labels."""
    return hash_json([file.sha256 for file in index.select(JUDGED_PART)])


def identify_machine(result: VariantResult) -> str:
    """Describe the machine and threads that measured a variant's latency; empty if they are not known."""
    if any(fact not in result.made_with for fact in MACHINE_FACTS):
        return ""
    threads = result.plan.threads or "all"
    return ", ".join([*(f"{fact} {result.made_with[fact]}" for fact in MACHINE_FACTS), f"threads {threads}"])


def find_challenger(evidence: Evidence) -> ScoredModel:
    """Find the challenger, and check that all candidates were scored on the same images.

    Raises:
        PipelineError: the challenger is not a candidate, there is no image, or the images or probabilities are wrong.
    """
    keys = [candidate.key for candidate in evidence.candidates]
    if evidence.challenger not in keys or len(set(keys)) < len(keys):
        raise PipelineError(
            f"got challenger {evidence.challenger!r} of the candidates {keys}, expected it to be one of them and each "
            "to be listed once: give the key of a trained variant"
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


def line_up(evidence: Evidence, challenger: ScoredModel) -> PairedAnswers:
    """Bring the answers of challenger, candidates and opponent into one order, and measure the gain."""
    champion = evidence.champion
    labels = sorted_predictions(challenger)["label"].to_numpy()
    if champion is None:
        opponent = labels == np.bincount(labels).argmax()
    else:
        _require_same_images(champion, challenger)
        _require_probabilities(champion)
        opponent = correctness_of(sorted_predictions(champion))
    # A champion that was trained again from the same inputs is a candidate too, but not a rival of itself.
    rivals = [candidate for candidate in evidence.candidates if champion is None or candidate.key != champion.key]
    correct = np.stack([correctness_of(sorted_predictions(rival)) for rival in rivals], axis=1)
    differences = correct.astype(np.int8) - opponent[:, None].astype(np.int8)
    place = [rival.key for rival in rivals].index(challenger.key)
    return PairedAnswers(
        challenger=challenger,
        champion=champion,
        classes=evidence.classes,
        labels=labels,
        correct=correct[:, place],
        opponent=opponent,
        candidates=len(rivals),
        gain=float(differences[:, place].mean()),
        gain_low=float(gain_lower_bounds(differences, DRAW_SEED)[place]),
        truth=evidence.truth,
    )


def sorted_predictions(model: ScoredModel) -> pd.DataFrame:
    """Sort a model's predictions by image id, so that the rows of all models agree."""
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
    wrong = int((~((probabilities >= 0) & (probabilities <= 1 + LARGEST_EXCESS)).all(axis=1)).sum())
    if wrong:
        raise PipelineError(
            f"got {wrong:,} of {len(probabilities):,} predictions of {model.name} with NaN or a value "
            "outside 0..1, expected probabilities: train it again with --force, with float32 or a lower learning rate"
        )
