"""The journal of moves: lines that last, torn lines, and where a rollback goes."""

import pytest

from models.registry.journal import ChampionMove, Journal, champion_before, champions_in_turn


def move(kind, source, target, registry="r"):
    return ChampionMove(registry=registry, kind=kind, by="test", reason="why", source=source, target=target)


PROMOTED = [move("promotion", 0, 1), move("promotion", 1, 2), move("promotion", 2, 3)]


@pytest.mark.parametrize(
    ("moves", "row", "before"),
    [
        ([], [], 0),
        (PROMOTED[:1], [1], 0),
        (PROMOTED, [1, 2, 3], 2),
        ([*PROMOTED, move("rollback", 3, 2)], [1, 2], 1),
        ([*PROMOTED, move("rollback", 3, 2), move("rollback", 2, 1)], [1], 0),
        ([*PROMOTED, move("rollback", 3, 2), move("promotion", 2, 4)], [1, 2, 4], 2),
        ([*PROMOTED[:2], move("promotion", 2, 1)], [1, 2, 1], 2),
        ([*PROMOTED[:2], move("promotion", 2, 1), move("rollback", 1, 2)], [1, 2], 1),
        ([*PROMOTED[:2], move("outside", 2, 5)], [1, 2, 5], 2),
        ([*PROMOTED[:2], move("outside", 2, 0)], [1, 2, 0], 2),
        ([*PROMOTED[:2], move("outside", 2, 0), move("promotion", 0, 2)], [1, 2, 0, 2], 1),
    ],
)
def test_a_rollback_walks_back_and_never_forth(moves, row, before):
    assert champions_in_turn(moves) == row
    assert champion_before(row) == before


def test_lines_are_kept_in_order_and_by_registry(tmp_path):
    journal = Journal(tmp_path / "registry" / "moves.jsonl")
    assert journal.entries("r") == []
    first, other = move("promotion", 0, 1), move("promotion", 0, 7, registry="another")
    journal.append("intent", first)
    journal.append("intent", other)
    assert journal.open_move("r") == first
    journal.append("done", first)
    assert journal.open_move("r") is None
    assert [entry.move for entry in journal.done("r")] == [first]
    assert journal.open_move("another") == other


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_torn_line_has_no_effect_and_spoils_none_after_it(tmp_path, kept):
    journal = Journal(tmp_path / "moves.jsonl")
    first, second = move("promotion", 0, 1), move("promotion", 1, 2)
    journal.append("intent", first)
    whole = journal.path.read_bytes()
    journal.append("done", first)
    line = journal.path.read_bytes()[len(whole) :]
    journal.path.write_bytes(whole + line[:-1][:kept])
    assert journal.open_move("r") == first
    journal.append("done", first)
    journal.append("intent", second)
    assert [entry.event for entry in journal.entries("r")] == ["intent", "done", "intent"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n", "\r\n"])
def test_a_line_separator_in_a_reason_tears_no_line(tmp_path, separator):
    journal = Journal(tmp_path / "moves.jsonl")
    told = ChampionMove(registry="r", kind="rollback", by="test", reason=f"worse{separator}on sad", source=2, target=1)
    journal.append("intent", told)
    journal.append("done", told)
    assert [(entry.event, entry.move) for entry in journal.entries("r")] == [("intent", told), ("done", told)]


def test_what_utf8_cannot_encode_is_replaced(tmp_path):
    journal = Journal(tmp_path / "moves.jsonl")
    told = ChampionMove(registry="r", kind="rollback", by="test", reason="worse \udcff", source=2, target=1)
    journal.append("done", told)
    assert [entry.move.reason for entry in journal.entries("r")] == ["worse ?"]
