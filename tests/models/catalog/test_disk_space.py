"""Estimated disk usage of a training."""

import pytest

from models.catalog.disk_space import count_training_bytes


@pytest.mark.parametrize(("size", "estimate"), [(None, 8 * (8 << 20)), (1000, 8 * (1000 + (8 << 20)))])
def test_a_training_needs_room_for_copies_of_its_network(tmp_path, size, estimate):
    weights = tmp_path / "weights.h5" if size else None
    if weights and size:
        weights.write_bytes(bytes(size))
    assert count_training_bytes(weights) == estimate
