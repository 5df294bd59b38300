"""Scoring of photos on the workers of a Dask cluster."""

from models.jobs.scoring import ScoreSpec
from serving.score.run import load_predictor, score_source
from tasks.publish.scores import ScoringLog
from tasks.support.shard_maps import shard_map


def score_on_dask(scheduler: str, spec: ScoreSpec, log: ScoringLog) -> None:
    """Score blocks of photos on the workers; parts and table are written here.

    Args:
        scheduler: address of Dask's scheduler.
        spec: what to score.
        log: gets the progress.

    Raises:
        PipelineError: see `serving.score.run.score_source` and `tasks.support.shard_maps.shard_map`.
    """
    predictor = load_predictor(spec)
    with shard_map(scheduler) as map_shards:
        score_source(spec, predictor, log, map_shards)
