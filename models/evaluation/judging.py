"""Labels that a run judges its variants by: as published, or the choice of the crowd.

Training and stored predictions do not depend on them. A variant is judged again from its predictions, on the images
that have such a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.base.errors import PipelineError
from data.records.training import RepeatRecord, VariantResult
from data.records.truths import TRUTH_WORDS, TruthName
from data.votes.agreement import is_clear
from data.votes.column import NOBODY, choose_majority, share_agreed, stack_votes
from models.evaluation.calibration import measure_calibration
from models.evaluation.metrics import measure_part
from models.evaluation.predictions import correctness_of, probabilities_of, read_predictions, targets_of

JUDGED_PART = "validation"


@dataclass(frozen=True, eq=False)
class Truth:
    """The labels that decide which answers are right."""

    name: TruthName
    labels: pd.Series | None = None
    """Index of a class by image id, without the images that are not judged; None for the published labels."""

    def judge(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return predictions with these labels in place of the published ones, on the images that have one."""
        if self.labels is None:
            return frame
        judged = frame[frame["image_id"].isin(self.labels.index)]
        return judged.assign(label=self.labels.loc[judged["image_id"]].to_numpy()).reset_index(drop=True)


PUBLISHED = Truth("published")


def make_truth(name: TruthName, manifest: pd.DataFrame, classes: Sequence[str]) -> Truth:
    """Return the labels of this name.

    Args:
        name: published, crowd (most votes) or clear (most votes, on the images that people agree on).
        manifest: clean data set with path, label and part, and votes if there are some.
        classes: names in label order.

    Raises:
        PipelineError: no validation image has such a label.
    """
    if name == "published":
        return PUBLISHED
    published = pd.Categorical(manifest["label"], categories=list(classes)).codes.astype(np.int64)
    votes = stack_votes(manifest, len(classes))
    chosen = choose_majority(votes, published)
    known = (chosen != NOBODY) & (is_clear(share_agreed(votes)) if name == "clear" else True)
    if not (known & (manifest["part"] == JUDGED_PART).to_numpy()).any():
        raise PipelineError(
            f"got truth {name} for a data set whose validation images have no such label, expected votes of people for "
            "some of them: give votes for the validation part with --votes, or judge by --truth published"
        )
    return Truth(name, pd.Series(chosen[known], index=manifest.loc[known, "path"].to_numpy()))


def judge_variant(result: VariantResult, truth: Truth, classes: Sequence[str]) -> VariantResult:
    """Return the result of a variant with the scores of each part by these labels.

    A part without such labels is left out. The temperature stays, since it follows the labels of the training.

    Args:
        result: of a training; one that was not trained is returned as it is.
        truth: the labels.
        classes: names in label order.
    """
    if truth.labels is None or result.status != "trained" or not result.directory:
        return result
    directory = Path(result.directory)
    frames = {part: truth.judge(read_predictions(directory, part)) for part in result.parts}
    frames = {part: frame for part, frame in frames.items() if len(frame)}
    scored = {part: (frame["label"].to_numpy(), probabilities_of(frame)) for part, frame in frames.items()}
    selection = read_predictions(directory, "selection")
    followed = targets_of(selection), probabilities_of(selection)
    return result.model_copy(
        update={
            "parts": {part: measure_part(*of_part, classes) for part, of_part in scored.items()},
            "calibration": measure_calibration(*scored[JUDGED_PART], *followed),
            "repeats": tuple(_judge_repeat(repeat, directory.parent, truth) for repeat in result.repeats),
        }
    )


def describe_truth(name: str) -> str:
    """Return the words for the labels of this name, such as "the choice of the crowd"."""
    return TRUTH_WORDS.get(name, name)


def _judge_repeat(repeat: RepeatRecord, trainings: Path, truth: Truth) -> RepeatRecord:
    """Return one of several trainings of a variant with its accuracies by these labels."""
    if repeat.status != "trained" or not repeat.training:
        return repeat
    rates = {part: _accuracy(trainings / repeat.training, part, truth) for part in (JUDGED_PART, "selection")}
    return repeat.model_copy(update={f"{part}_accuracy": rate for part, rate in rates.items()})


def _accuracy(directory: Path, part: str, truth: Truth) -> float | None:
    frame = truth.judge(read_predictions(directory, part))
    return float(correctness_of(frame).mean()) if len(frame) else None
