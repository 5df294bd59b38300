"""Checkpoints: whole or not at all, and exactly what was saved."""

import numpy as np
import pytest

from models.jobs.checkpoint import (
    TrainState,
    remove_checkpoints,
    restore_best,
    restore_checkpoint,
    save_best,
    save_checkpoint,
)


class Variable:
    """Enough of a Keras variable: an array that can be read and assigned."""

    def __init__(self, value):
        self.value = np.asarray(value, dtype=np.float32)

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = np.asarray(value)


def test_checkpoint_restores_variables_and_state(tmp_path):
    state = TrainState(steps=7, best_epoch=2, best_accuracy=0.5, wall_seconds=1.5)
    save_checkpoint(tmp_path, [Variable([1, 2]), Variable(3)], state)
    fresh = [Variable([0, 0]), Variable(0)]
    assert restore_checkpoint(tmp_path, fresh) == state
    assert fresh[0].value.tolist() == [1, 2]
    assert fresh[1].value.tolist() == 3


def test_no_checkpoint_is_no_state(tmp_path):
    assert restore_checkpoint(tmp_path, []) is None


def test_a_half_written_checkpoint_does_not_replace_the_old_one(tmp_path):
    class Breaking(Variable):
        def numpy(self):
            raise OSError("disk full")

    save_checkpoint(tmp_path, [Variable([1])], TrainState(steps=1))
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(tmp_path, [Breaking([2])], TrainState(steps=2))
    assert restore_checkpoint(tmp_path, [Variable([0])]) == TrainState(steps=1)


def test_best_weights_and_removal(tmp_path):
    save_best(tmp_path, [Variable([4, 5])])
    fresh = [Variable([0, 0])]
    restore_best(tmp_path, fresh)
    assert fresh[0].value.tolist() == [4, 5]
    save_checkpoint(tmp_path, fresh, TrainState())
    remove_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []
