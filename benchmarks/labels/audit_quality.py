"""Quality of the label audit, judged by people's votes that the audit never sees.

The audit runs as a person would run it, by `emotion audit` on the four classes of FER2013. Its suspects are compared
with the votes of ten people an image: a CSV with the column `image` (a path of the source) and a column of counts a
class. `VOTES=PATH` names it; without it, FER2013_votes.csv beside the source is read. A second audit is given answers
to its random sample, as one person would give them: one vote of each image, drawn at random. Those images are
left out of what is judged.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.command import EMOTION, Usage, newest, run_command
from data.base.errors import PipelineError
from data.records.label_audit import LabelAudit
from models.evaluation.intervals import wilson_interval

VOTES_VARIABLE, VOTES_NAME = "VOTES", "FER2013_votes.csv"

VOTED_NAMES = {"happy": "happiness", "neutral": "neutral", "sad": "sadness", "surprise": "surprise"}
"""The audited classes, and the column of votes for each. Source: FER+, Barsoum et al., 2016."""

CLASSES = tuple(VOTED_NAMES)

FEW_VOTES = 2
"""In the strict sense a label is wrong if no more than so many of ten people chose it."""

FIRST = 200

GOAL_PRECISION, GOAL_RECALL, GOAL_FIRST = 0.75, 0.6, 0.95


class Judged(NamedTuple):
    """What the votes say about the audited images and the suspects, for one meaning of a wrong label."""

    meaning: str
    wrong: NDArray[np.bool_]
    """(n,) of the audited images with votes."""
    suspected: NDArray[np.bool_]
    """(m,) whether the label is wrong, of the suspects with votes, most suspicious first."""

    @property
    def precision(self) -> float:
        """Return the share of wrong labels among the suspects."""
        return float(self.suspected.mean()) if len(self.suspected) else 0.0

    @property
    def recall(self) -> float:
        """Return the share of the wrong labels that are suspected."""
        return float(self.suspected.sum() / self.wrong.sum())

    @property
    def first(self) -> float:
        """Return the share of wrong labels among the first suspects."""
        return float(self.suspected[:FIRST].mean()) if len(self.suspected) else 0.0


class Audited(NamedTuple):
    """One audit and what it cost."""

    name: str
    usage: Usage
    audit: LabelAudit
    directory: Path
    manifest: pd.DataFrame


def audit_twice(source: str, workspace: Path, votes: pd.DataFrame) -> tuple[list[Audited], set[str]]:
    """Audit without and with answers to the random sample.

    Returns:
        Both audits, and the images that were answered for the second.
    """
    first = run_audit("no answers", source, workspace)
    filled = workspace / "answered_sample.csv"
    answered = answer_sample(first.directory / "sample.csv", votes, filled)
    second = run_audit(f"{len(answered)} answers of one person", source, workspace, "--answers", str(filled))
    return [first, second], answered


def run_audit(name: str, source: str, workspace: Path, *more: str) -> Audited:
    """Run `emotion audit` on the four classes, with more options."""
    command = [EMOTION, "audit", "--source", source, "--format", "fer2013", "--labels", ",".join(CLASSES), *more]
    usage = run_command(command, {"EMOTION_WORKSPACE": str(workspace)})
    record, manifest = newest(workspace, "audits/*/audit.json"), newest(workspace, "datasets/*/manifest.parquet")
    audit = LabelAudit.model_validate_json(record.read_bytes())
    return Audited(name, usage, audit, record.parent, pd.read_parquet(manifest))


def read_votes(source: str) -> pd.DataFrame:
    """Read the counts of the four classes, named as the classes, under the path of each image.

    Raises:
        PipelineError: there is no such file.
    """
    path = Path(os.environ.get(VOTES_VARIABLE) or Path(source).with_name(VOTES_NAME))
    if not path.is_file():
        raise PipelineError(f"got no file {path}, expected a CSV of votes: name it by {VOTES_VARIABLE}=PATH")
    table = pd.read_csv(path)
    # The project calls the split validation.
    images = table["image"].str.replace(r"^val/", "validation/", regex=True)
    return table[list(VOTED_NAMES.values())].set_axis(list(VOTED_NAMES), axis=1).set_index(images)


def answer_sample(sample: Path, votes: pd.DataFrame, filled: Path) -> set[str]:
    """Write the sample with answers, each one vote drawn at random; return the answered images."""
    table = pd.read_csv(sample, encoding="utf-8-sig", dtype="str", keep_default_na=False)
    random = np.random.default_rng(0)
    counts = np.nan_to_num(votes.reindex(table["image_id"]).to_numpy(np.float64))
    answers = [str(random.choice(CLASSES, p=row / row.sum())) if row.sum() else "" for row in counts]
    table.assign(new_label=answers).to_csv(filled, index=False, encoding="utf-8-sig")
    return set(table["image_id"][[answer != "" for answer in answers]])


def judge_audit(audited: Audited, votes: pd.DataFrame, left_out: set[str]) -> list[Judged]:
    """Judge the labels of the audited images, and of the suspects, by two meanings of a wrong label.

    Args:
        audited: the audit and the manifest of what it audited.
        votes: of `read_votes`; an image without a vote for any of the classes is left out.
        left_out: images that are not judged.
    """
    manifest = audited.manifest[~audited.manifest["path"].isin(left_out)]
    counts = np.nan_to_num(votes.reindex(manifest["path"]).to_numpy(np.float64))
    own = counts[np.arange(len(manifest)), manifest["label"].map(CLASSES.index)]
    voted = counts.sum(axis=1) > 0
    suspects = [suspect.image_id for suspect in audited.audit.suspects]
    judged = []
    for meaning, wrong in (
        ("most people chose another class", own < counts.max(axis=1)),
        (f"at most {FEW_VOTES} of 10 chose the label", own <= FEW_VOTES),
    ):
        by_path = pd.Series(wrong[voted], index=manifest["path"].to_numpy()[voted])
        found = by_path.reindex(suspects).dropna().to_numpy(bool)
        judged.append(Judged(meaning, wrong[voted], found))
    return judged


def tabulate_judged(audited: Audited, judged: Judged) -> dict[str, Any]:
    """Return a row of the table: counts, and shares in percent with their 95 % intervals."""
    return {
        "audit": audited.name,
        "a label is wrong if": judged.meaning,
        "of all labels": with_interval(judged.wrong),
        "suspects": f"{len(judged.suspected):,}",
        "precision": with_interval(judged.suspected),
        "recall": with_interval(np.arange(int(judged.wrong.sum())) < judged.suspected.sum()),
        f"of the first {FIRST}": with_interval(judged.suspected[:FIRST]),
        "precision that the audit expects": name_expected(audited.audit),
        "core-seconds": round(audited.usage.core_seconds),
    }


def with_interval(hits: NDArray[np.bool_]) -> str:
    """Format a share in percent with its 95 % interval."""
    if not len(hits):
        return "none"
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return f"{100 * hits.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def name_expected(audit: LabelAudit) -> str:
    """Say what precision the audit itself expects, in percent, of its first suspects and of all."""
    return "; ".join(
        f"first {one.first:,}: {100 * one.share:.1f} ({100 * one.low:.1f} to {100 * one.high:.1f})"
        for one in audit.expected
    )
