"""The threads of a child's TensorFlow."""

import tensorflow as tf


def use_threads(threads: int) -> None:
    """Let TensorFlow run this many operations at once, each on as many threads; to be called before the first one.

    Operations beside each other fill the cores that a small one leaves idle, and with deterministic operations their
    order changes no result.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
