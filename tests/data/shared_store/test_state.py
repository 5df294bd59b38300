"""State of a workspace in a store: brought to another host whole, by one host at a time."""

import errno
import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from data.base.errors import PipelineError
from data.shared_store import state as state_module
from data.shared_store.objects import ObjectStore, UnreadableRecord
from data.shared_store.packs import unpack
from data.shared_store.state import list_states, pull_state, push_state, read_state
from data.workspace import registry_lock
from data.workspace.mark import claim_root, find_mark
from data.workspace.registry_lock import hold_registry
from models.registry.champion import ModelRegistry


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


@pytest.fixture
def other_store(tmp_path):
    """A second store, to which hosts move."""
    return ObjectStore(f"file://{tmp_path / 'other'}", wait_seconds=5)


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


def advance(store, root, *moves):
    """Change the state of a host several times, and push each change."""
    for move in moves:
        change(root, move)
        push_state(store, root)


def test_a_host_that_knew_a_former_store_does_not_overwrite_what_the_new_one_has(store, other_store, hosts):
    one, two = share(store, hosts)
    advance(store, one, "b", "c")
    change(two, "promoted")
    assert push_state(other_store, two) == 1, "a store without a copy begins at 1"
    change(one, "d")
    with pytest.raises(PipelineError, match=r"got copy 1 .* run `emotion store pull` first"):
        push_state(other_store, one)
    assert read_state(other_store, find_mark(two).id).number == 1
    with pytest.raises(PipelineError, match="changed here and on host"):
        pull_state(other_store, one)


def test_a_copy_of_the_same_number_is_not_taken_for_the_one_that_is_here(store, other_store, hosts):
    one, two = share(store, hosts)
    advance(store, one, "b")
    change(two, "c")
    push_state(other_store, two)
    advance(other_store, two, "d")
    with pytest.raises(PipelineError, match=r"copy 2 of host .* does not follow copy 2") as refused:
        pull_state(other_store, one)
    assert "pull into a new one; if this one is right, delete states/" in str(refused.value)
    assert read_moves(one) == ("b", ["a", "b"])


def test_hosts_that_move_to_a_new_store_go_on_taking_turns(store, other_store, hosts):
    one, two = share(store, hosts)
    advance(store, one, "b", "c")
    assert push_state(other_store, one) == 1
    assert pull_state(other_store, two).number == 1, "it follows what this host had, though its number is lower"
    assert read_moves(two) == ("c", ["a", "b", "c"])
    change(two, "d")
    assert push_state(other_store, two) == 2
    assert pull_state(other_store, one).number == 2


def test_a_host_that_missed_more_copies_than_are_kept_follows(store, hosts):
    one, two = share(store, hosts)
    advance(store, one, *"bcdefgh")
    assert pull_state(store, two).number == 8
    assert read_moves(two)[0] == "h"


def test_an_equal_state_is_the_same_copy(store, hosts):
    one, two = share(store, hosts)
    change(one, "b")
    shutil.copytree(one, two, dirs_exist_ok=True)
    push_state(store, one)
    assert push_state(store, two) == 2, "nothing is lost, whichever of both counts"
    assert pull_state(store, two) is None
    change(two, "c")
    assert push_state(store, two) == 3


def forget_ids(store, *roots):
    """Make the copies and the workspaces as releases without ids wrote them."""
    for name, _ in store.list("states"):
        record = json.loads(store.read(name))
        store.write(name, json.dumps({key: record[key] for key in record.keys() - {"id", "ancestors"}}).encode())
    for root in roots:
        path = root / ".shared_state.json"
        record = json.loads(path.read_text())
        path.write_text(json.dumps({"number": record["number"], "files": record["files"]}))


def test_copies_without_ids_follow_each_other_by_their_numbers(store, hosts):
    one, two = share(store, hosts)
    forget_ids(store, one, two)
    assert pull_state(store, two) is None
    change(one, "b")
    assert push_state(store, one) == 2
    assert pull_state(store, two).number == 2
    change(two, "c")
    assert push_state(store, two) == 3
    assert pull_state(store, one).number == 3


def test_a_copy_without_an_id_is_not_followed_by_a_lower_number(store, other_store, hosts):
    one, two = share(store, hosts)
    advance(store, one, "b", "c")
    change(two, "promoted")
    push_state(other_store, two)
    forget_ids(other_store, one)
    with pytest.raises(PipelineError, match="run `emotion store pull` first"):
        push_state(other_store, one)
    with pytest.raises(PipelineError, match=r"copy 1 of host .* does not follow copy 3"):
        pull_state(other_store, one)


def fill_disk(source, target):
    """Write the beginning of a file, as on a disk that has no room for the rest."""
    if source.is_file():
        target.write_bytes(source.read_bytes()[:100])
    raise OSError(errno.ENOSPC, "No space left on device", str(target))


def break_pull_off(store, root, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(shutil, "move", fill_disk)
        pull_state(store, root)


def test_a_pull_that_was_broken_off_goes_on(store, hosts, monkeypatch):
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    break_pull_off(store, two, monkeypatch)
    with pytest.raises(PipelineError, match=r"got a part of copy 1 .* run `emotion store pull` again"):
        push_state(store, two)
    assert pull_state(store, two).number == 1
    assert read_moves(two) == read_moves(one)
    assert pull_state(store, two) is None
    assert not list(two.rglob("*.pulled"))


def test_a_pull_that_was_broken_off_at_the_database_goes_on(store, hosts, monkeypatch):
    one, two = hosts
    change(one, "a")
    shutil.rmtree(one / "registry")
    push_state(store, one)
    break_pull_off(store, two, monkeypatch)
    advance(store, one, "b")
    assert pull_state(store, two).number == 2, "a newer copy that follows is as good"
    assert read_moves(two) == ("b", ["a", "b"])


def test_a_pull_into_a_workspace_that_was_broken_off_goes_on(store, hosts, monkeypatch):
    one, two = share(store, hosts)
    advance(store, one, "b")
    break_pull_off(store, two, monkeypatch)
    assert pull_state(store, two).number == 2
    assert read_moves(two) == ("b", ["a", "b"])


def test_a_directory_that_has_its_mark_alone_is_filled(store, hosts):
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    two.mkdir()
    shutil.copy(one / "emotion_workspace.json", two)  # by a pull that was killed after its first file
    assert pull_state(store, two).number == 1
    assert read_moves(two) == ("a", ["a"])


def test_a_workspace_in_which_nothing_was_done_takes_the_state_of_the_only_one(store, hosts):
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    ModelRegistry(two).champion()  # as emotion models list
    assert (two / "mlflow" / "mlflow.db").is_file() and find_mark(two) != find_mark(one)
    assert pull_state(store, two).number == 1
    assert (find_mark(two), read_moves(two)) == (find_mark(one), ("a", ["a"]))
    advance(store, two, "b")
    assert pull_state(store, one).number == 2


def test_a_pull_into_an_unused_workspace_that_was_killed_after_the_mark_goes_on(store, hosts):
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    ModelRegistry(two).champion()
    shutil.copy(one / "emotion_workspace.json", two)
    assert pull_state(store, two).number == 1
    assert read_moves(two) == ("a", ["a"])


def test_a_workspace_in_which_something_was_done_is_not_replaced(store, hosts):
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    change(two, "b")
    mark = find_mark(two)
    with pytest.raises(PipelineError, match=r"got no state of workspace .* EMOTION_WORKSPACE to a new dir") as refused:
        pull_state(store, two, find_mark(one).id)
    assert all(id_ in str(refused.value) for id_ in (mark.id, find_mark(one).id))
    assert (find_mark(two), read_moves(two)) == (mark, ("b", ["b"]))


def test_a_workspace_that_is_used_while_a_copy_comes_is_not_replaced(store, hosts, monkeypatch):
    one, two = hosts
    change(one, "a")
    push_state(store, one)
    claim_root(two)

    def unpack_slowly(*arguments):
        unpack(*arguments)
        change(two, "b")

    monkeypatch.setattr(state_module, "unpack", unpack_slowly)
    with pytest.raises(PipelineError, match="got no state of workspace"):
        pull_state(store, two)
    assert read_moves(two) == ("b", ["b"])


def test_a_workspace_that_the_store_lacks_is_named_with_those_that_it_has(store, hosts):
    change(hosts[0], "a")
    push_state(store, hosts[0])
    with pytest.raises(PipelineError, match=f"no state of workspace none in .* has .*{find_mark(hosts[0]).id}"):
        pull_state(store, hosts[1], "none")


def test_a_pulled_workspace_is_private(store, hosts):
    two = hosts[1]
    two.mkdir(mode=0o755)
    share(store, hosts)
    assert two.stat().st_mode & 0o777 == 0o700
