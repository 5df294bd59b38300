"""Child command that scores a source: `python -m serving.score SPEC`, with the file of a `ScoreSpec`."""

import sys
from pathlib import Path
from typing import get_args

from data.base.errors import PipelineError
from data.system.child_process import emit, run_child
from models.jobs.scoring import ScoreSpec
from serving.answers import FaceMode
from serving.predictor import Predictor
from serving.score.run import score_source


def main() -> None:
    """Score what the specification asks for, and print the progress as events."""
    spec = ScoreSpec.model_validate_json(Path(sys.argv[1]).read_bytes())
    score_source(spec, load_predictor(spec), emit)


def load_predictor(spec: ScoreSpec) -> Predictor:
    """Load the network that is asked for.

    Raises:
        PipelineError: there is none, it was not exported, or the way to look for faces is not known.
    """
    for mode in get_args(FaceMode):
        if mode == spec.faces:
            if spec.export:
                return Predictor.load(spec.export, faces=mode)
            return Predictor.champion(spec.workspace, spec.model, spec.version, mode)
    raise PipelineError(f"got faces {spec.faces}, expected one of {', '.join(get_args(FaceMode))}")


if __name__ == "__main__":
    run_child(main)
