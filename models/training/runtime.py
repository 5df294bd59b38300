"""Number of threads that TensorFlow uses in a child process."""

import tensorflow as tf


def use_threads(threads: int) -> None:
    """Let TensorFlow run this many operations at once, each with so many threads.

    Call it before the first operation runs. Parallel operations use the cores that a small operation leaves idle; with
    deterministic operations their order does not change results.

    Args:
        threads: 1 or more.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
