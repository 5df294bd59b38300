"""Child command that scores a source: `python -m serving.score SPEC`, with the file of a `ScoreSpec`."""

import sys
from pathlib import Path

from data.system.child_process import emit, run_child
from models.jobs.scoring import ScoreSpec
from serving.score.run import load_predictor, score_source


def main() -> None:
    """Score what the specification asks for, and print the progress as events."""
    spec = ScoreSpec.model_validate_json(Path(sys.argv[1]).read_bytes())
    score_source(spec, load_predictor(spec), emit)


if __name__ == "__main__":
    run_child(main)
