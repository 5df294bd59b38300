"""Photos to score without a face detector, scores of them, and scoring processes that are killed."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from data.base.paths import PROJECT_ROOT
from data.records.scores import SCORES_TABLE, ScoreSummary
from data.sample.faces import draw_face
from data.system.shard_processes import MapShards
from models.jobs.scoring import SCORE, ScoreSpec
from serving.score.parts import list_parts, read_part
from serving.score.run import load_predictor, score_source
from serving.score.summary import read_summary

EXPRESSIONS = ("happy", "neutral", "sad", "surprise")


def draw_photos(folder: Path, count: int, start: int = 0) -> Path:
    """Draw so many faces as images of 48x48 pixels, in two folders."""
    for number in range(start, start + count):
        path = folder / f"day{number % 2}" / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        face = draw_face(EXPRESSIONS[number % 4], np.random.default_rng(number))
        Image.fromarray(face).save(path, compress_level=1)
    return folder


def make_spec(workspace: Path, export: Path | None, source: Path | str, **changed: object) -> ScoreSpec:
    """Return what to score: given crops, by an export."""
    known = {
        "source": str(source),
        "model": "emotion",
        "export": export,
        "faces": "given",
        "request": "one",
        "workspace": workspace,
        "directory": workspace / "scores" / "91be04c7aa35de10",
    }
    return ScoreSpec.model_validate(known | changed)


def score(spec: ScoreSpec, report=lambda event: None, map_shards: MapShards | None = None) -> ScoreSummary:
    """Score in this process or by a map, and return the summary."""
    score_source(spec, load_predictor(spec), report, map_shards)
    summary = read_summary(spec.directory)
    assert summary
    return summary


def read_scores(directory: Path) -> pd.DataFrame:
    """Return the table of all scores."""
    return pd.read_parquet(directory / SCORES_TABLE)


def start_scoring(spec: ScoreSpec) -> subprocess.Popen[str]:
    """Start the child command."""
    spec.directory.mkdir(parents=True, exist_ok=True)
    path = spec.directory / ".spec.json"
    path.write_text(spec.model_dump_json())
    return subprocess.Popen(
        [sys.executable, "-m", SCORE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=PROJECT_ROOT,
        text=True,
    )


def _kill_at_random(spec: ScoreSpec, rng: random.Random, longest_seconds: float) -> bool:
    """Start the command and kill it at a random moment after its first event; tell whether it was still running."""
    process = start_scoring(spec)
    assert process.stdout and process.stdout.readline()
    time.sleep(rng.uniform(0, longest_seconds))
    was_running = process.poll() is None
    process.kill()
    process.communicate()
    return was_running


def kill_three_times(spec: ScoreSpec, rng: random.Random, longest_seconds: float) -> int:
    """Start the command and kill it, three times; return how often it was still running."""
    return sum(_kill_at_random(spec, rng, longest_seconds) for _ in range(3))


def list_scored(directory: Path) -> list[str]:
    """List the photos in all parts, as often as they were scored."""
    parts = list_parts(directory)
    return [file for part in parts for file in read_part(directory, part, ["file"])["file"].to_pylist()]
