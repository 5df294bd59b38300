"""Child command that joins trained variants to an ensemble (soft voting): `python -m models.training.ensemble RUN_DIR`.

RUN_DIR/spec.json names the candidates. Each is temperature-scaled first, so that an overconfident member does not
dominate. Temperatures and votes are chosen on selection. The command writes model.keras, predictions.parquet and
result.json, as a training does; votes and temperatures are in the plan of the result.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from data.records.training import VariantPlan, VariantResult
from data.system.child_process import emit, run_child
from data.system.hardware import peak_memory_bytes
from data.system.provenance import describe_making
from data.workspace.atomic import write_atomically
from models.catalog.train_config import ENSEMBLE_NAME
from models.evaluation.calibration import SMALLEST_PROBABILITY, clipped_log_loss, fit_temperature, scale_by_temperature
from models.evaluation.metrics import measure_predictions
from models.evaluation.predictions import (
    TARGET_COLUMN,
    probabilities_of,
    probability_columns,
    read_predictions,
    targets_of,
)
from models.jobs.events import EnsembleDone, Started, VotesChosen
from models.jobs.files import NETWORK_NAME, PREDICTIONS_NAME, RESULT_NAME, SCORED_PARTS, SPEC_NAME
from models.jobs.specs import EnsembleSpec
from models.networks.building_blocks import make_pixel_input
from models.networks.layers import Vote
from models.networks.measure import count_multiply_adds, measure_latency
from models.training.runtime import ignore_keras_settings

MAX_VOTES = 20


@dataclass(frozen=True)
class EnsembleMember:
    """Weight and calibration of one network in the ensemble."""

    votes: int
    """Number of votes of the network, 1 or more."""
    temperature: float
    """Divisor of the logarithms of its probabilities."""


def main() -> None:
    """Run the command on the directory named in the arguments."""
    started = time.monotonic()
    run_dir = Path(sys.argv[1])
    spec = EnsembleSpec.model_validate_json((run_dir / SPEC_NAME).read_bytes())
    ignore_keras_settings()
    emit(Started())
    result = build_vote(run_dir, spec).model_copy(update={"made_with": describe_making()})
    spent = {
        "wall_seconds": round(result.wall_seconds + time.monotonic() - started, 1),
        "core_seconds": round(result.core_seconds + time.process_time(), 1),
    }
    write_atomically(run_dir / RESULT_NAME, result.model_copy(update=spent).model_dump_json(indent=1))
    emit(EnsembleDone(status=result.status))


def build_vote(run_dir: Path, spec: EnsembleSpec) -> VariantResult:
    """Choose the votes and build the ensemble; if a single variant is best, the result is skipped and says so."""
    answers = {name: read_predictions(path, "selection") for name, path in spec.candidates.items()}
    temperatures = {
        name: fit_temperature(targets_of(frame), probabilities_of(frame)) for name, frame in answers.items()
    }
    votes = choose_votes({name: _calibrate(frame, temperatures[name]) for name, frame in answers.items()})
    if len(votes) == 1:
        reason = f"no vote with another variant is better than {next(iter(votes))} alone on selection"
        return VariantResult(name=ENSEMBLE_NAME, description=describe_votes(votes), status="skipped", reason=reason)
    emit(VotesChosen(votes=votes))
    members = {spec.candidates[name]: EnsembleMember(count, temperatures[name]) for name, count in votes.items()}
    plan = VariantPlan(votes=votes, temperatures={name: temperatures[name] for name in votes})
    return make_ensemble(run_dir, members).model_copy(update={"plan": plan})


def choose_votes(predictions: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Choose how often each variant votes: add one vote after the other, always the one with the lowest mean log loss.

    Args:
        predictions: variant -> its predictions of the same part, in the same order of images.

    Returns:
        Variant -> votes, 1 or more, most first; only the first votes count, up to the lowest log loss of all.

    Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
    """
    labels = targets_of(find_followed(predictions.values()))
    candidates = {name: probabilities_of(frame).astype(np.float64) for name, frame in predictions.items()}
    total = np.zeros_like(next(iter(candidates.values())))
    chosen_names: list[str] = []
    losses: list[float] = []
    for number in range(1, MAX_VOTES + 1):
        loss_with = {name: clipped_log_loss(labels, (total + own) / number) for name, own in candidates.items()}
        chosen = min(loss_with, key=loss_with.__getitem__)
        total += candidates[chosen]
        chosen_names.append(chosen)
        losses.append(loss_with[chosen])
    return dict(Counter(chosen_names[: int(np.argmin(losses)) + 1]).most_common())


def make_ensemble(run_dir: Path, members: Mapping[Path, EnsembleMember]) -> VariantResult:
    """Save the network of the ensemble, and score it from the predictions of its members.

    Args:
        run_dir: directory for model.keras and predictions.parquet.
        members: directory of a finished training -> its weight and calibration.
    """
    results = [VariantResult.model_validate_json((path / RESULT_NAME).read_bytes()) for path in members]
    networks: list[Any] = [keras.saving.load_model(path / NETWORK_NAME) for path in members]
    model = build_ensemble(networks, list(members.values()))
    model.save(run_dir / NETWORK_NAME)
    averaged = [average_predictions(members, part) for part in SCORED_PARTS]
    predictions = pd.concat([frame for frame in averaged if len(frame)], ignore_index=True)
    predictions.to_parquet(run_dir / PREDICTIONS_NAME, index=False)
    parts, calibration = measure_predictions(predictions, results[0].data_format.labels)
    return VariantResult(
        name=ENSEMBLE_NAME,
        description=describe_votes({r.name: member.votes for r, member in zip(results, members.values(), strict=True)}),
        status="trained",
        data_format=results[0].data_format,
        parameters_total=model.count_params(),
        parameters_trainable=sum(result.parameters_trainable for result in results),
        file_bytes=(run_dir / NETWORK_NAME).stat().st_size,
        wall_seconds=sum(result.wall_seconds for result in results),
        core_seconds=sum(result.core_seconds for result in results),
        peak_memory_bytes=max(peak_memory_bytes(), *(result.peak_memory_bytes for result in results)),
        stopped_because="its members' trainings",
        parts=parts,
        calibration=calibration,
        multiply_adds=sum(count_multiply_adds(network) for network in networks),
        latency=measure_latency(model),
    )


def describe_votes(votes: Mapping[str, int]) -> str:
    """Describe the votes in one sentence for the report."""
    shares = ", ".join(f"{name} {count}" for name, count in votes.items())
    return (
        f"Mean of the calibrated probabilities of trained variants, with votes that were chosen on selection: {shares}."
    )


def average_predictions(members: Mapping[Path, EnsembleMember], part: str) -> pd.DataFrame:
    """Average the members' predictions of a part; the result has the same columns as theirs."""
    frames = [_calibrate(read_predictions(path, part), member.temperature) for path, member in members.items()]
    weights = [member.votes for member in members.values()]
    mean = np.average([probabilities_of(frame) for frame in frames], axis=0, weights=weights)
    averaged = find_followed(frames).copy()
    averaged[probability_columns(averaged)] = mean.astype(np.float32)
    return averaged


def find_followed(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the first of the members' predictions, or the first of a member that was trained on votes if one was."""
    return max(frames, key=lambda frame: TARGET_COLUMN in frame)


def build_ensemble(networks: list[keras.Model], members: list[EnsembleMember]) -> keras.Model:
    """Build a network from pixels, 0..255, to the weighted mean of calibrated probabilities."""
    pixels = make_pixel_input(networks[0].input_shape[1:])
    probabilities = []
    for number, (network, member) in enumerate(zip(networks, members, strict=True), start=1):
        network.name = f"{network.name}_{number}"  # networks of equal architecture have equal names
        logarithms: Any = keras.ops.log(keras.ops.maximum(network(pixels), SMALLEST_PROBABILITY))
        probabilities.append(keras.ops.softmax(logarithms / member.temperature))
    return keras.Model(pixels, Vote([m.votes for m in members], name="vote")(probabilities), name=ENSEMBLE_NAME)


def _calibrate(frame: pd.DataFrame, temperature: float) -> pd.DataFrame:
    calibrated = scale_by_temperature(probabilities_of(frame), temperature)
    return frame.assign(**dict(zip(probability_columns(frame), calibrated.T, strict=True)))


if __name__ == "__main__":
    run_child(main)
