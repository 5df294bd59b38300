"""Soft vote over trained variants: the child command `python -m models.training.ensemble RUN_DIR`.

RUN_DIR/spec.json names the candidates. Each is calibrated by a temperature, lest the one that is surest of itself count
for more; that and how often it votes are chosen on selection. The command leaves model.keras, predictions.parquet and
result.json, as a training does; votes and temperatures are in the result's plan.
"""

import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from data.records.training import VariantPlan, VariantResult
from data.system.child_process import emit, run_child
from data.system.hardware import peak_memory_bytes
from data.system.provenance import describe_making
from data.workspace.atomic import write_atomically
from models.catalog.train_config import ENSEMBLE_NAME
from models.evaluation.calibration import SMALLEST_PROBABILITY, fit_temperature, mean_log_loss, scale_by_temperature
from models.evaluation.metrics import measure_predictions
from models.evaluation.predictions import PROBABILITY_COLUMNS, probabilities_of, read_predictions
from models.jobs.events import EnsembleDone, Started, VotesChosen
from models.jobs.files import NETWORK_NAME, PREDICTIONS_NAME, RESULT_NAME, SCORED_PARTS, SPEC_NAME
from models.jobs.specs import EnsembleSpec
from models.networks.building_blocks import make_pixel_input
from models.networks.layers import Vote
from models.networks.measure import count_multiply_adds, measure_latency

MOST_VOTES = 20


class Seat(NamedTuple):
    """A member's place in the vote."""

    votes: int
    """1 or more."""
    temperature: float
    """What the logarithms of its probabilities are divided by."""


def main() -> None:
    """Run the command on the directory named in the arguments."""
    started = time.monotonic()
    run_dir = Path(sys.argv[1])
    spec = EnsembleSpec.model_validate_json((run_dir / SPEC_NAME).read_text())
    emit(Started())
    result = hold_vote(run_dir, spec).model_copy(update={"made_with": describe_making()})
    spent = {
        "wall_seconds": round(result.wall_seconds + time.monotonic() - started, 1),
        "core_seconds": round(result.core_seconds + time.process_time(), 1),
    }
    write_atomically(run_dir / RESULT_NAME, result.model_copy(update=spent).model_dump_json(indent=1))
    emit(EnsembleDone(status=result.status))


def hold_vote(run_dir: Path, spec: EnsembleSpec) -> VariantResult:
    """Choose the votes and make the ensemble; one variant alone is none, and its result says so."""
    answers = {name: read_predictions(path, "selection") for name, path in spec.candidates.items()}
    temperatures = {
        name: fit_temperature(frame["label"].to_numpy(), probabilities_of(frame)) for name, frame in answers.items()
    }
    votes = choose_votes({name: _calibrate(frame, temperatures[name]) for name, frame in answers.items()})
    if len(votes) == 1:
        reason = f"no vote with another variant betters {next(iter(votes))} alone on selection"
        return VariantResult(name=ENSEMBLE_NAME, description=describe_votes(votes), status="skipped", reason=reason)
    emit(VotesChosen(votes=votes))
    seats = {spec.candidates[name]: Seat(count, temperatures[name]) for name, count in votes.items()}
    plan = VariantPlan(votes=votes, temperatures={name: temperatures[name] for name in votes})
    return make_ensemble(run_dir, seats).model_copy(update={"plan": plan})


def choose_votes(predictions: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Choose how often each variant votes: one after the other, always the vote that lowers the mean's log loss most.

    Args:
        predictions: variant -> its predictions of the same part, in the same order of images.

    Returns:
        Variant -> votes, 1 or more, most first; of all the beginnings of that row of votes, the best one.

    Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
    """
    labels = next(iter(predictions.values()))["label"].to_numpy()
    candidates = {name: probabilities_of(frame).astype(np.float64) for name, frame in predictions.items()}
    total = np.zeros((len(labels), len(PROBABILITY_COLUMNS)))
    row: list[str] = []
    losses: list[float] = []
    for number in range(1, MOST_VOTES + 1):
        loss_with = {name: mean_log_loss(labels, (total + own) / number) for name, own in candidates.items()}
        chosen = min(loss_with, key=loss_with.__getitem__)
        total += candidates[chosen]
        row.append(chosen)
        losses.append(loss_with[chosen])
    return dict(Counter(row[: int(np.argmin(losses)) + 1]).most_common())


def make_ensemble(run_dir: Path, seats: Mapping[Path, Seat]) -> VariantResult:
    """Save the network that votes, and score it from the predictions of its members.

    Args:
        run_dir: gets model.keras and predictions.parquet.
        seats: directory of a finished training -> its place in the vote.
    """
    members = [VariantResult.model_validate_json((path / RESULT_NAME).read_text()) for path in seats]
    networks: list[Any] = [keras.saving.load_model(path / NETWORK_NAME) for path in seats]
    model = build_ensemble(networks, list(seats.values()))
    model.save(run_dir / NETWORK_NAME)
    predictions = pd.concat([average_predictions(seats, part) for part in SCORED_PARTS], ignore_index=True)
    predictions.to_parquet(run_dir / PREDICTIONS_NAME, index=False)
    parts, calibration = measure_predictions(predictions)
    return VariantResult(
        name=ENSEMBLE_NAME,
        description=describe_votes({m.name: seat.votes for m, seat in zip(members, seats.values(), strict=True)}),
        status="trained",
        parameters_total=model.count_params(),
        parameters_trainable=sum(member.parameters_trainable for member in members),
        file_bytes=(run_dir / NETWORK_NAME).stat().st_size,
        wall_seconds=sum(member.wall_seconds for member in members),
        core_seconds=sum(member.core_seconds for member in members),
        peak_memory_bytes=max(peak_memory_bytes(), *(member.peak_memory_bytes for member in members)),
        stopped_because="its members' trainings",
        parts=parts,
        calibration=calibration,
        multiply_adds=sum(count_multiply_adds(network) for network in networks),
        latency=measure_latency(model),
    )


def describe_votes(votes: Mapping[str, int]) -> str:
    """Return one sentence for the report."""
    shares = ", ".join(f"{name} {count}" for name, count in votes.items())
    return (
        f"The mean of trained variants' calibrated probabilities, with votes that were chosen on selection: {shares}."
    )


def average_predictions(seats: Mapping[Path, Seat], part: str) -> pd.DataFrame:
    """Return the predictions of the ensemble on a part, in the form of its members'."""
    frames = [_calibrate(read_predictions(path, part), seat.temperature) for path, seat in seats.items()]
    weights = [seat.votes for seat in seats.values()]
    mean = np.average([probabilities_of(frame) for frame in frames], axis=0, weights=weights)
    averaged = frames[0].copy()
    averaged[PROBABILITY_COLUMNS] = mean.astype(np.float32)
    return averaged


def build_ensemble(networks: list[keras.Model], seats: list[Seat]) -> keras.Model:
    """Return a network from pixels (batch, 48, 48, 1), 0..255, to the weighted mean of calibrated probabilities."""
    pixels = make_pixel_input()
    answers = []
    for number, (network, seat) in enumerate(zip(networks, seats, strict=True), start=1):
        network.name = f"{network.name}_{number}"  # two of one architecture have one name
        logarithms: Any = keras.ops.log(keras.ops.maximum(network(pixels), SMALLEST_PROBABILITY))
        answers.append(keras.ops.softmax(logarithms / seat.temperature))
    return keras.Model(pixels, Vote([seat.votes for seat in seats], name="vote")(answers), name=ENSEMBLE_NAME)


def _calibrate(frame: pd.DataFrame, temperature: float) -> pd.DataFrame:
    calibrated = scale_by_temperature(probabilities_of(frame), temperature)
    return frame.assign(**dict(zip(PROBABILITY_COLUMNS, calibrated.T, strict=True)))


if __name__ == "__main__":
    run_child(main)
