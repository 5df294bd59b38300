"""Photos scored in blocks elsewhere: the answers are those of one process."""

import threading

import pandas as pd
import pytest

from data.photos.reading import PhotoRefused
from data.system.shard_processes import ShardProcesses
from serving.score import blocks
from serving.score.blocks import cut_blocks, read_network, score_block
from serving.score.files import list_files
from tests.support.score_factory import draw_photos, list_scored, make_spec, read_scores, score


@pytest.fixture
def source(tmp_path):
    folder = draw_photos(tmp_path / "photos", 9)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    listed = tmp_path / "photos.txt"
    listed.write_text("\n".join([*(str(path) for path in sorted(folder.rglob("*.png"))), "missing.png"]))
    return listed


def test_other_processes_give_the_scores_of_one(tmp_path, export, source, monkeypatch):
    here, there = (make_spec(tmp_path / name, export, source) for name in ("here", "there"))
    monkeypatch.setattr(blocks, "BLOCK_PHOTOS", 2)
    summary = score(here)
    with ShardProcesses(2) as map_shards:
        assert score(there, map_shards=map_shards).total == summary.total
    assert summary.total.outcomes == {"given": 9, "unreadable": 1, "unavailable": 1}
    one, other = (read_scores(spec.directory).drop(columns=["scored_at", "message"]) for spec in (here, there))
    pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=0, atol=1e-6)


def test_a_second_pass_sends_only_what_is_new(tmp_path, export, source):
    spec = make_spec(tmp_path / "workspace", export, source)
    sent = []

    def map_shards(function, shards):
        for shard in shards:
            sent.extend(mark.name for mark, _ in shard.photos)
            yield function(shard)

    score(spec, map_shards=map_shards)
    assert len(sent) == 11
    sent.clear()
    assert score(spec, map_shards=map_shards).scored_now == 0
    assert sent == ["missing.png"], "what could not be reached is tried again"
    assert len(list_scored(spec.directory)) == 11


def test_a_block_ends_after_its_bytes(source, predictor, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    network = read_network(predictor)
    sizes = [len(block.photos) for block in cut_blocks(list_files(str(source)), network)]
    assert sum(sizes) == 11 and max(sizes) <= 2, "only what has no content can be in a block with another"


def test_addresses_are_read_at_the_same_time(source, predictor, monkeypatch):
    together = threading.Barrier(3)

    def fetch(url):
        together.wait(10)
        raise PhotoRefused(f"{url} is away", "unavailable")

    monkeypatch.setattr("serving.score.files.fetch_image", fetch)
    source.write_text("".join(f"https://photos.invalid/{number}.jpg\n" for number in range(3)))
    (block,) = cut_blocks(list_files(str(source)), read_network(predictor))
    assert [mark.name[-5:] for mark, _ in block.photos] == ["0.jpg", "1.jpg", "2.jpg"]
    assert all(of_photo[0]["outcome"] == "unavailable" for of_photo in score_block(block))


def test_a_block_needs_no_files(source, predictor):
    (block,) = cut_blocks(list_files(str(source)), read_network(predictor))
    for path in source.with_suffix("").rglob("*.png"):
        path.unlink()
    rows = score_block(block)
    assert [of_photo[0]["outcome"] for of_photo in rows].count("given") == 9
    with pytest.raises(PhotoRefused, match="does not exist"):
        block.photos[-1][1].read()
