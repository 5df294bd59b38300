"""Child command that predicts a part of a data set with a saved network: `python -m models.training.rescore OUT`.

OUT/spec.json says which network and which records. The command writes predictions.parquet.
"""

import sys
from pathlib import Path
from typing import Any

import keras

from data.system.child_process import emit, run_child
from data.views.tfrecords import read_identified
from models.jobs.events import Done, Started
from models.jobs.files import PREDICTIONS_NAME, SPEC_NAME
from models.jobs.specs import ScoreSpec
from models.networks import layers  # noqa: F401 - registers the project's own layers with Keras
from models.training.batches import EVALUATION_BATCH
from models.training.predict import predict_part
from models.training.runtime import ignore_keras_settings, use_threads


def main() -> None:
    """Run the command on the directory named in the arguments."""
    out = Path(sys.argv[1])
    spec = ScoreSpec.model_validate_json((out / SPEC_NAME).read_bytes())
    ignore_keras_settings()
    use_threads(spec.threads)
    emit(Started())
    network: Any = keras.saving.load_model(spec.network, compile=False)
    batches = read_identified(spec.records, spec.part, batch_size=EVALUATION_BATCH)
    predict_part(network, batches, spec.part).to_parquet(out / PREDICTIONS_NAME, index=False)
    emit(Done())


if __name__ == "__main__":
    run_child(main)
