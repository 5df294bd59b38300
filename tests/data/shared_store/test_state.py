"""State of a workspace in a store: brought to another host whole, by one host at a time."""

import json
import sqlite3
from contextlib import closing

import pytest

from data.base.errors import PipelineError
from data.shared_store import state as state_module
from data.shared_store.objects import UnreadableRecord
from data.shared_store.state import list_states, pull_state, push_state, read_state
from data.workspace import registry_lock
from data.workspace.mark import claim_root, find_mark
from data.workspace.registry_lock import hold_registry


def change(root, moves):
    """Change the state of a workspace: its moves, and a database that is open while it is copied."""
    claim_root(root)
    (root / "registry").mkdir(exist_ok=True)
    (root / "registry" / "moves.jsonl").write_text(moves)
    (root / "mlflow").mkdir(exist_ok=True)
    (root / "mlflow" / "secret").write_text("password")
    with closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS moves (text)")
        database.execute("INSERT INTO moves VALUES (?)", (moves,))


def read_moves(root):
    with closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as database:
        found = [text for (text,) in database.execute("SELECT text FROM moves")]
    return (root / "registry" / "moves.jsonl").read_text(), found


@pytest.fixture
def hosts(tmp_path):
    return tmp_path / "one", tmp_path / "two"


def share(store, hosts):
    """Change the state of the first host, and bring it to the second."""
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    pull_state(store, two)
    return one, two


def test_a_fresh_host_gets_the_workspace_without_its_passwords(store, hosts):
    one, two = hosts
    change(one, "a")
    assert push_state(store, one) == 1
    assert pull_state(store, two).number == 1
    assert read_moves(two) == ("a", ["a"])
    assert find_mark(two) == find_mark(one)
    assert not (two / "mlflow" / "secret").exists()
    assert pull_state(store, two) is None, "it has the newest copy already"


def test_an_unchanged_state_is_not_copied_again(store, hosts):
    change(hosts[0], "a")
    assert [push_state(store, hosts[0]) for _ in range(2)] == [1, 1]


def test_hosts_take_turns(store, hosts):
    one, two = share(store, hosts)
    change(two, "b")
    assert push_state(store, two) == 2
    with pytest.raises(PipelineError, match="run `emotion store pull` first"):
        push_state(store, one)
    pull_state(store, one)
    assert read_moves(one) == ("b", ["a", "b"])


def test_a_database_that_is_open_meanwhile_has_what_was_pulled(store, hosts):
    one, two = share(store, hosts)
    change(two, "b")
    push_state(store, two)
    with closing(sqlite3.connect(one / "mlflow" / "mlflow.db")) as opened:
        assert opened.execute("SELECT text FROM moves").fetchall() == [("a",)]
        pull_state(store, one)
        assert opened.execute("SELECT text FROM moves").fetchall() == [("a",), ("b",)]
        assert push_state(store, one) == 2, "what was pulled is no change of this host"
        with opened:
            opened.execute("INSERT INTO moves VALUES ('c')")
    assert read_moves(one)[1] == ["a", "b", "c"]
    assert push_state(store, one) == 3
    assert pull_state(store, two).number == 3


def test_changes_on_two_hosts_are_not_mixed(store, hosts):
    one, two = share(store, hosts)
    change(two, "b")
    push_state(store, two)
    change(one, "c")
    with pytest.raises(PipelineError, match="changed here and on host"):
        pull_state(store, one)
    assert read_moves(one) == ("c", ["a", "c"])


def test_copies_wait_for_a_move_of_the_champion(store, hosts, monkeypatch):
    one, two = share(store, hosts)
    change(two, "b")
    push_state(store, two)
    monkeypatch.setattr(registry_lock, "LOCK_SECONDS", 0.1)
    with hold_registry(one):
        with pytest.raises(PipelineError, match="another process moves the champion"):
            pull_state(store, one)
        assert read_moves(one) == ("a", ["a"])
    with hold_registry(two), pytest.raises(PipelineError, match="another process moves the champion"):
        push_state(store, two)
    assert pull_state(store, one).number == 2


def test_a_copy_that_cannot_be_read_is_named_and_written_again_once_it_is_deleted(store, hosts):
    one, two = share(store, hosts)
    change(one, "b")
    assert push_state(store, one) == 2
    name = f"states/{find_mark(one).id}/00000002.json"
    store.write(name, b'{"workspace"')
    for attempt in (lambda: pull_state(store, two), lambda: push_state(store, two), lambda: list(list_states(store))):
        with pytest.raises(UnreadableRecord, match=name):
            attempt()
    assert read_moves(two) == ("a", ["a"])
    store.delete(name)
    assert push_state(store, one) == 2, "it did not change since, but its copy is gone"
    assert pull_state(store, two).number == 2


def test_of_two_hosts_that_push_at_once_one_is_refused(store, hosts, monkeypatch):
    one, two = share(store, hosts)
    change(one, "b")
    change(two, "c")
    monkeypatch.setattr(state_module, "_newest_number", lambda *_: 1)  # both looked before either wrote
    assert push_state(store, one) == 2
    with pytest.raises(PipelineError, match="got copy 2 of this workspace's state"):
        push_state(store, two)


def test_old_copies_go(store, hosts):
    for number in range(8):
        change(hosts[0], str(number))
        push_state(store, hosts[0])
    assert [state.number for state in list_states(store)] == [4, 5, 6, 7, 8]
    assert read_state(store, find_mark(hosts[0]).id).number == 8


def test_a_store_of_several_workspaces_asks_which(store, hosts, tmp_path):
    ids = []
    for root in hosts:
        change(root, "a")
        push_state(store, root)
        ids.append(find_mark(root).id)
    with pytest.raises(PipelineError, match="expected one: name it by --workspace") as refused:
        pull_state(store, tmp_path / "three")
    assert all(workspace in str(refused.value) for workspace in ids)
    pull_state(store, tmp_path / "three", ids[1])
    assert json.loads((tmp_path / "three" / "emotion_workspace.json").read_text())["id"] == ids[1]


def test_an_empty_store_says_what_to_do(store, tmp_path):
    with pytest.raises(PipelineError, match="emotion store push"):
        pull_state(store, tmp_path / "one")
