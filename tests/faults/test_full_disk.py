"""A disk that becomes full at random moments: a clear error, nothing half-written, and the next run completes."""

import random
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from data.base.errors import PipelineError
from data.workspace.store import Workspace
from tests.faults.stages import INGEST, digest_stages, start_command, whole_stages
from tests.support.reliability_page import write_table
from tests.support.small_disk import free_up, leave_room, mount_small_disk

pytestmark = pytest.mark.faults

DISK_MEGABYTES = 40
CHAINS = 150
INGESTS = 3
CLEAR = re.compile(r"^error got .*expected.*(emotion prune|EMOTION_WORKSPACE)")


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    with mount_small_disk(tmp_path_factory.mktemp("disk"), DISK_MEGABYTES) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def rows():
    """Rows of the table in docs/reliability.md."""
    found: list[list[str]] = []
    yield found
    if len(found) == 2:
        header = ["what was written", "tries", "ended in a clear error", "succeeded", "completed by the next run"]
        write_table("full disk", header, found)


def make_chain(root: Path, seed: int) -> list[str]:
    """Make four stages, each of the one before, with files of random sizes; return their keys."""
    generator, space, keys = random.Random(seed), Workspace(root, reserve_bytes=0), [""]

    def write(out: Path) -> None:
        for number in range(generator.randint(1, 30)):
            (out / f"{number}.bin").write_bytes(generator.randbytes(generator.randint(0, 300_000)))

    for stage in ("images", "manifests", "datasets", "views"):
        keys.append(space.produce(stage, {"seed": seed, "of": keys[-1]}, write).key)
        generator.seed(f"{seed} {stage}")
    return keys


def test_a_chain_of_stages_survives_a_full_disk(disk, rows, tmp_path):
    ends = Counter()
    for seed in range(CHAINS):
        root, alone = disk / f"chain{seed}", tmp_path / f"alone{seed}"
        make_chain(alone, seed)
        leave_room(disk, random.Random(seed).randint(0, 20_000_000))
        try:
            make_chain(root, seed)
            ends["succeeded"] += 1
        except PipelineError as error:
            assert re.search("No space left on device.*EMOTION_WORKSPACE", str(error))
            ends["refused"] += 1
        assert whole_stages(root) <= digest_stages(alone).items()
        free_up(disk)
        make_chain(root, seed)
        assert digest_stages(root) == digest_stages(alone)
        for path in (root, alone):
            shutil.rmtree(path)
    assert min(ends.values()) > CHAINS // 10, "the sizes no longer lead to both ends"
    rows.append(["stages of random sizes", str(CHAINS), str(ends["refused"]), str(ends["succeeded"]), str(CHAINS)])


def test_an_ingest_survives_a_full_disk(disk, rows, server, undisturbed):
    ends, generator = Counter(), random.Random(1)
    for number in range(INGESTS):
        root = disk / f"workspace{number}"
        leave_room(disk, generator.randint(0, 16_000_000))
        process = start_command(root, *INGEST)
        said = process.communicate()[1]
        ends["refused" if process.returncode else "succeeded"] += 1
        assert not process.returncode or CLEAR.search(said.strip().splitlines()[-1]), said[-3000:]
        assert whole_stages(root) <= undisturbed.items()
        free_up(disk)
        again = start_command(root, *INGEST)
        assert again.communicate() and not again.returncode
        assert digest_stages(root) == undisturbed
        shutil.rmtree(root)
    rows.append(["ingest of the sample", str(INGESTS), str(ends["refused"]), str(ends["succeeded"]), str(INGESTS)])
