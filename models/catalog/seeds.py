"""Seeds of the repeats of a training, and their bounds."""

from data.base.errors import PipelineError

MAX_SEEDS = 20
SEED_BOUND = 2**31


def training_seeds(seed: int, seeds: int) -> range:
    """Return the seeds that each variant of a run is trained with.

    Args:
        seed: the first seed, 0 or more; the parts and views of the run use this one in every repeat.
        seeds: how many, 1..MAX_SEEDS.

    Raises:
        PipelineError: the last seed is too large.
    """
    if seed + seeds > SEED_BOUND:
        raise PipelineError(
            f"got seed {seed} and {seeds} seeds, so the last is {seed + seeds - 1}; expected at most "
            f"{SEED_BOUND - 1}: take a lower seed"
        )
    return range(seed, seed + seeds)
