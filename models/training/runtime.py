"""Runtime of a child process: the threads of TensorFlow, and Keras as it is without settings of the user."""

import keras
import tensorflow as tf


def ignore_keras_settings() -> None:
    """Undo what a file ~/.keras/keras.json changes: networks are built for Keras' own defaults.

    Call it before a network is built. The backend cannot be changed here; the parent sets it by KERAS_BACKEND.
    """
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy("float32")


def use_threads(threads: int) -> None:
    """Let TensorFlow run this many operations at once, each with so many threads.

    Call it before the first operation runs. Parallel operations use the cores that a small operation leaves idle; with
    deterministic operations their order does not change results.

    Args:
        threads: 1 or more.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
