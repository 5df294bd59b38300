"""All analyses of a run for its report, computed from the stored predictions in one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.base.errors import PipelineError
from data.records.analysis import DISTINGUISHABLE_BELOW, Analysis, Face, SliceScore
from data.records.run import RunResults
from models.analysis.confusions import find_errors
from models.analysis.questions import answer_questions
from models.analysis.rejection import choose_rejection, describe_certainty
from models.analysis.run_difference import compare_runs
from models.analysis.slices import score_slices
from models.evaluation.calibration import fit_temperature
from models.evaluation.judging import PUBLISHED, Truth
from models.evaluation.paired import group_ties
from models.evaluation.predictions import correctness_of, probabilities_of, read_predictions, targets_of
from models.evaluation.skill import can_judge_labels
from models.evaluation.truths import count_rate, score_by_people


@dataclass(frozen=True, eq=False)
class AnalysisInputs:
    """Inputs of an analysis beside the results and the predictions."""

    manifest: pd.DataFrame
    """The clean data set, see `data.manifest.table.COLUMN_TYPES`, with its column `group`."""
    suspects: frozenset[str] | None = None
    """Ids of images with a suspected label; None without an audit."""
    truth: Truth = PUBLISHED
    """Labels that decide which answers are right."""
    last: RunResults | None = None
    """The last report on the same source; None if this is the first."""


def analyse_run(results: RunResults, inputs: AnalysisInputs) -> Analysis:
    """Analyse the predictions of a run's trained variants on validation.

    Args:
        results: the run, its variants by validation accuracy, with their directories.
        inputs: manifest, suspects and the last report.

    Returns:
        The analysis; slices, errors and rejection are those of the most accurate variant.
    """
    since_last = compare_runs(inputs.last, results) if inputs.last else None
    trained = {v.name: Path(v.directory) for v in results.variants if v.status == "trained" and v.directory}
    published = {name: read_predictions(directory, "validation") for name, directory in trained.items()}
    published = {name: frame for name, frame in published.items() if _is_finite(frame)}
    answers = {name: inputs.truth.judge(frame) for name, frame in published.items()}
    if not answers or next(iter(answers.values())).empty:
        return Analysis(since_last=since_last)
    correct = {name: correctness_of(frame) for name, frame in answers.items()}
    selection = {name: read_predictions(trained[name], "selection") for name in answers}
    temperatures = {name: fit_temperature(targets_of(one), probabilities_of(one)) for name, one in selection.items()}
    best = next(iter(answers))
    chosen_on = inputs.truth.judge(selection[best])
    return Analysis(
        ties=group_ties(correct, DISTINGUISHABLE_BELOW),
        questions=answer_questions(results.variants, correct, results.seed),
        slices=_score_slices(answers[best], inputs),
        errors=find_errors(best, answers, results.classes, inputs.suspects, _find_weak(results)),
        certainties=tuple(describe_certainty(name, frame, temperatures[name]) for name, frame in answers.items()),
        rejection=choose_rejection(best, answers[best], chosen_on, temperatures[best]) if len(chosen_on) else None,
        **_compare_truths(published, results.classes, inputs),
        since_last=since_last,
    )


def _compare_truths(
    answers: Mapping[str, pd.DataFrame], classes: Sequence[str], inputs: AnalysisInputs
) -> dict[str, Any]:
    """Score the variants by what people chose; without votes say how many validation labels the audit leaves."""
    people = score_by_people(answers, inputs.manifest, classes)
    if people or inputs.suspects is None:
        return {"people": people}
    image_ids = next(iter(answers.values()))["image_id"]
    return {"unsuspected": count_rate(~image_ids.isin(list(inputs.suspects)).to_numpy())}


def list_faces(analysis: Analysis) -> list[str]:
    """List the ids of the images that the analysis names, each once."""
    if analysis.errors is None:
        return []
    errors = analysis.errors
    strips: list[tuple[Face, ...]] = [errors.worst, errors.surest, errors.least_sure, errors.shared_faces]
    strips += [pair.faces for pair in errors.pairs]
    return list(dict.fromkeys(face.image_id for strip in strips for face in strip))


def _score_slices(frame: pd.DataFrame, inputs: AnalysisInputs) -> tuple[SliceScore, ...]:
    known = inputs.manifest.set_index("path")
    image_ids = frame["image_id"].tolist()
    unknown = [image_id for image_id in image_ids if image_id not in known.index]
    if unknown:
        raise PipelineError(
            f"got predictions of {len(unknown):,} images that the data set does not have ({unknown[0]}, ...), expected "
            "those of its validation part: run again with --force"
        )
    rows = known.loc[image_ids]
    repeated = rows["group"].map(inputs.manifest["group"].value_counts()).to_numpy() > 1
    suspected = None if inputs.suspects is None else frame["image_id"].isin(list(inputs.suspects)).to_numpy()
    judged = rows.assign(label=frame["label"].to_numpy())
    return score_slices(correctness_of(frame), judged, repeated, suspected)


def _find_weak(results: RunResults) -> list[str]:
    """List the variants that know too little on selection for their errors to say something about an image."""
    scored = [variant for variant in results.variants if "selection" in variant.parts]
    return [variant.name for variant in scored if not can_judge_labels(variant.parts["selection"])]


def _is_finite(frame: pd.DataFrame) -> bool:
    return bool(np.isfinite(probabilities_of(frame)).all())
