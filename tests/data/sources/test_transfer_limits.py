"""Limits of a running download."""

import pickle
import shutil
import time
from pathlib import Path

import pytest

from data.sources.transfer_limits import LimitExceeded, TransferLimits


def make_limits(folder: Path, max_bytes: int = 100, reserve_bytes: int = 0, seconds: float = 60) -> TransferLimits:
    return TransferLimits(folder, max_bytes, reserve_bytes, seconds)


def test_bytes_are_limited_over_all_files(tmp_path: Path) -> None:
    limits = make_limits(tmp_path)
    limits.check(60, 60)
    limits.finish_file(60)
    limits.check(40, None)
    for done, total in ((41, None), (0, 41)):
        with pytest.raises(LimitExceeded) as caught:
            limits.check(done, total)
        assert caught.value.limit == "too_large"


def test_room_for_the_announced_rest_and_the_reserve_is_needed(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(LimitExceeded) as caught:
        make_limits(tmp_path, max_bytes=1 << 60).check(0, 2 * free)
    assert caught.value.limit == "no_room"
    with pytest.raises(LimitExceeded):
        make_limits(tmp_path, reserve_bytes=2 * free).check(0, None)


def test_time_is_limited_for_pieces_alarms_and_calls(tmp_path: Path) -> None:
    limits = make_limits(tmp_path, seconds=0.2)
    with limits.alarm() as alarm:
        assert limits.run(lambda: 7) == 7
        with pytest.raises(LimitExceeded, match=r"after 0\.2 seconds"):
            limits.run(lambda: time.sleep(5))
        assert alarm.wait(5)
    with pytest.raises(LimitExceeded) as caught:
        limits.check(1, 1)
    assert caught.value.limit == "deadline"


def test_errors_of_a_call_reach_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        make_limits(tmp_path).run(lambda: 1 // 0)


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(LimitExceeded("too much", "no_room")))
    assert (str(error), error.limit) == ("too much", "no_room")
