"""The registry on a real MLflow: moves, rollbacks, interruptions at every point, two movers at once."""

import threading
import time

import pytest
from mlflow.exceptions import MlflowException

from data.base.errors import PipelineError, TransientError
from data.workspace import registry_lock
from models.registry.champion import ModelRegistry
from models.registry.connection import MODEL_NAME, URI_VARIABLE
from models.registry.journal import Journal
from models.registry.tags import version_tags
from models.registry.tracking import TrackedVariant
from models.registry.versions import CHALLENGER, CHAMPION
from tests.support.registry_factory import copy_registry, make_registry

VERSIONS = 3


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return make_registry(tmp_path_factory.mktemp("template"), VERSIONS)


@pytest.fixture
def registry(template, tmp_path):
    return ModelRegistry(copy_registry(template, tmp_path / "workspace"))


def promote(registry, *versions):
    for version in versions:
        registry.move_champion(version, by="test", reason=f"version {version} is better")


def aliases(registry):
    found = registry.client.get_registered_model(MODEL_NAME).aliases
    return {alias: int(version) for alias, version in found.items()}


def test_versions_are_listed_newest_first_with_their_aliases(registry):
    promote(registry, 2)
    registry.set_challenger(3)
    assert [(one.version, one.aliases) for one in registry.list_versions()] == [
        (3, (CHALLENGER,)),
        (2, (CHAMPION,)),
        (1, ()),
    ]


def test_champion_predecessor_and_challenger_are_protected_and_no_other(registry):
    assert registry.protected_keys() == frozenset()
    promote(registry, 1, 2)
    assert registry.protected_keys() == {"variant1", "variant2"}
    registry.set_challenger(3)
    assert registry.protected_keys() == {"variant1", "variant2", "variant3"}


def test_what_a_rollback_took_out_of_use_is_known_until_it_is_promoted(registry):
    promote(registry, 1, 2)
    assert registry.rolled_back() == frozenset()
    registry.rollback("a person", "worse in use")
    assert registry.rolled_back() == {"variant2"}
    promote(registry, 2)
    assert registry.rolled_back() == frozenset()


def test_a_move_is_in_the_journal_and_on_the_versions(registry):
    promote(registry, 1, 2)
    assert registry.champion() == 2
    last = registry.history()[-1].move
    assert (last.kind, last.source, last.target, last.by, last.reason) == (
        "promotion",
        1,
        2,
        "test",
        "version 2 is better",
    )
    tags = registry.show(2).tags
    assert tags["emotion.champion.by"] == "test"
    assert tags["emotion.champion.reason"] == "version 2 is better"
    assert tags["emotion.champion.from"] == "1"
    assert registry.show(1).tags["emotion.champion.next"] == "2"
    registry.rollback("test", "worse")
    assert registry.show(1).tags["emotion.champion.next"] == ""
    events = [entry.event for entry in Journal(registry.workspace / "registry" / "moves.jsonl").entries(last.registry)]
    assert events == ["intent", "done"] * 3


def test_the_champion_is_not_moved_onto_itself(registry):
    promote(registry, 1)
    assert registry.move_champion(1, "test", "again") is None
    assert len(registry.history()) == 1


def test_a_challenger_that_becomes_champion_waits_no_longer(registry):
    registry.set_challenger(2)
    promote(registry, 2)
    assert aliases(registry) == {CHAMPION: 2}


def test_rollbacks_go_back_and_not_forth(registry):
    promote(registry, 1, 2, 3)
    assert registry.rollback("test", "worse").target == 2
    assert registry.rollback("test", "worse still").target == 1
    with pytest.raises(PipelineError, match="got no earlier champion"):
        registry.rollback("test", "once more")
    assert registry.champion() == 1
    promote(registry, 3)
    assert registry.previous() == 1


def test_a_rollback_to_a_deleted_version_is_refused(registry):
    promote(registry, 1, 2)
    registry.client.delete_model_version(MODEL_NAME, "1")
    with pytest.raises(PipelineError, match="version 1 as the champion before this one, but it was deleted"):
        registry.rollback("test", "worse")
    assert registry.champion() == 2
    assert len(registry.history()) == 2


@pytest.mark.parametrize("version", [0, 9])
def test_an_unknown_version_is_refused_and_nothing_written(registry, version):
    with pytest.raises(PipelineError, match=f"got version {version} .* expected one of 1, 2, 3"):
        registry.move_champion(version, "test", "why")
    assert registry.history() == []
    assert aliases(registry) == {}


def test_a_request_that_is_repeated_moves_nothing_again(registry):
    promote(registry, 1, 2, 3)
    first = registry.rollback("flow run", "worse", move_id="request")
    assert registry.rollback("flow run", "worse", move_id="request") == first
    assert registry.champion() == 2


@pytest.fixture(params=["alias", "alias moved", "tag", "done"])
def killing(request, registry, monkeypatch):
    """Have the next move end at a point; returns whether the alias moved before it."""
    promote(registry, 1, 2)

    def killed(*arguments, **named):
        raise Killed

    client = registry.client
    set_alias, append = client.set_registered_model_alias, registry.journal.append
    if request.param == "alias":
        monkeypatch.setattr(client, "set_registered_model_alias", killed)
    elif request.param == "alias moved":
        monkeypatch.setattr(client, "set_registered_model_alias", lambda *a: (set_alias(*a), killed()))
    elif request.param == "tag":
        monkeypatch.setattr(client, "set_model_version_tag", killed)
    else:
        monkeypatch.setattr(
            registry.journal, "append", lambda event, move: append(event, move) if event == "intent" else killed()
        )
    return request.param != "alias"


def test_an_interrupted_promotion_is_finished_or_undone(killing, registry):
    with pytest.raises(Killed):
        promote(registry, 3)
    next_start = ModelRegistry(registry.workspace)
    (entry,) = next_start.recover_interrupted_moves()
    assert entry.event == ("done" if killing else "undone")
    assert next_start.champion() == (3 if killing else 2)
    assert next_start.recover_interrupted_moves() == []
    assert [one.move.target for one in next_start.history()] == ([1, 2, 3] if killing else [1, 2])
    if killing:
        assert next_start.show(3).tags["emotion.champion.reason"] == "version 3 is better"


def test_an_interrupted_rollback_that_is_asked_for_again_is_done_once(killing, registry):
    with pytest.raises(Killed):
        registry.rollback("test", "worse")
    next_start = ModelRegistry(registry.workspace)
    assert next_start.rollback("test", "worse").target == 1
    assert next_start.champion() == 1
    assert [one.move.kind for one in next_start.history()] == ["promotion", "promotion", "rollback"]


def test_a_move_made_elsewhere_is_taken_into_the_record(registry):
    promote(registry, 1)
    registry.client.set_registered_model_alias(MODEL_NAME, CHAMPION, "3")
    (entry,) = registry.recover_interrupted_moves()
    assert (entry.event, entry.move.kind, entry.move.source, entry.move.target) == ("done", "outside", 1, 3)
    assert registry.previous() == 1


def test_a_move_elsewhere_after_an_interruption_undoes_the_own(registry, monkeypatch):
    promote(registry, 1)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(registry.client, "set_registered_model_alias", lambda *a: (_ for _ in ()).throw(Killed()))
        promote(registry, 2)
    registry.client.set_registered_model_alias(MODEL_NAME, CHAMPION, "3")
    assert [(s.event, s.move.kind) for s in registry.recover_interrupted_moves()] == [
        ("undone", "promotion"),
        ("done", "outside"),
    ]


def test_a_champion_that_was_deleted_is_no_champion(registry):
    promote(registry, 1, 2)
    registry.client.delete_model_version(MODEL_NAME, "2")
    assert registry.recover_interrupted_moves()[0].move.target == 0
    assert registry.champion() == 0
    promote(registry, 3)
    assert registry.history()[-1].move.source == 0


def test_two_movers_at_once_move_one_after_the_other(registry):
    start, faults = threading.Barrier(2), []

    def move(version):
        mine = ModelRegistry(registry.workspace)
        start.wait()
        try:
            mine.move_champion(version, "test", "at once")
        except Exception as error:
            faults.append(error)

    movers = [threading.Thread(target=move, args=[version]) for version in (1, 2)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    assert faults == []
    first, second = (entry.move for entry in registry.history())
    assert (first.source, second.source) == (0, first.target)
    assert registry.champion() == second.target
    assert {first.target, second.target} == {1, 2}


def test_a_mover_that_waits_too_long_says_so(registry, monkeypatch):
    monkeypatch.setattr(registry_lock, "LOCK_SECONDS", 0.1)
    with registry._exclusive(), pytest.raises(PipelineError, match="another process moves the champion"):
        ModelRegistry(registry.workspace).move_champion(1, "test", "why")


def test_one_variant_has_one_version(registry):
    tracked = TrackedVariant(run_id="", model_id="m-1", source=(registry.workspace / "model").as_uri())
    before = len(registry.list_versions())
    # Without a logged model behind it: tests/models/registry/test_tracking.py registers a real one.
    assert registry.register(tracked, version_tags("variant2", "compact", "report1", "here", "kept")) == 2
    assert len(registry.list_versions()) == before
    assert registry.show(2).tags["emotion.decision"] == "kept"


def test_a_model_that_was_deleted_is_not_registered(registry):
    tracked = TrackedVariant(run_id="abc", model_id="m-gone", source="file:///gone")
    with pytest.raises(PipelineError, match="m-gone, which was deleted"):
        registry.register(tracked, version_tags("variant9", "compact", "report1", "here"))


def test_a_variant_without_a_model_is_not_registered(registry):
    with pytest.raises(PipelineError, match="got MLflow run abc without a model"):
        registry.register(TrackedVariant(run_id="abc"), version_tags("variant9", "compact", "report1", "here"))


def test_an_mlflow_that_is_away_is_one_clear_error_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://name:secret@127.0.0.1:1")
    started = time.monotonic()
    with pytest.raises(TransientError, match=r"MLflow at http://127\.0\.0\.1:1 ") as caught:
        ModelRegistry(tmp_path).move_champion(1, "test", "why")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert time.monotonic() - started < 60
    assert not (tmp_path / "registry" / "moves.jsonl").exists()


def test_an_mlflow_that_goes_away_in_a_move_leaves_an_intent_that_is_settled(registry, monkeypatch):
    promote(registry, 1)

    def away(*arguments):
        raise MlflowException("connection refused")

    with monkeypatch.context() as patch, pytest.raises(TransientError, match="connection refused"):
        patch.setattr(registry.client, "set_registered_model_alias", away)
        promote(registry, 2)
    promote(registry, 3)
    assert [entry.move.target for entry in registry.history()] == [1, 3]


def test_an_empty_registry_has_no_champion_and_nothing_to_settle(template, tmp_path):
    copy_registry(template, tmp_path / "workspace")
    empty = ModelRegistry(tmp_path / "workspace")
    empty.client.delete_registered_model(MODEL_NAME)
    assert (empty.champion(), empty.challenger(), empty.previous(), empty.list_versions()) == (0, 0, 0, [])
    assert empty.recover_interrupted_moves() == []
    with pytest.raises(PipelineError, match="no version yet: a run registers the first"):
        empty.move_champion(1, "test", "why")


@pytest.fixture
def neighbour(registry, tmp_path, monkeypatch):
    """The same registry, used from another workspace."""
    monkeypatch.setenv(URI_VARIABLE, f"sqlite:///{registry.workspace}/mlflow/mlflow.db")
    return ModelRegistry(tmp_path / "neighbour")


def test_a_rollback_never_goes_to_what_another_workspace_took_back(registry, neighbour):
    promote(registry, 1)
    neighbour.recover_interrupted_moves()
    promote(registry, 2)
    neighbour.recover_interrupted_moves()
    registry.rollback("a person", "2 is worse")
    with pytest.raises(PipelineError, match="got no earlier champion"):
        neighbour.rollback("another person", "1 is worse too")
    assert registry.champion() == 1
    assert neighbour.rolled_back() == {"variant2"}


def test_a_rollback_finds_champions_that_another_workspace_promoted(registry, neighbour):
    promote(registry, 1, 2, 3)
    assert neighbour.previous() == 2
    assert neighbour.rollback("another person", "3 is worse").target == 2
    assert registry.rollback("a person", "2 is worse").target == 1
    assert registry.rolled_back() == neighbour.rolled_back() == {"variant2", "variant3"}
    promote(neighbour, 3)
    assert registry.rolled_back() == {"variant2"}
    assert registry.previous() == 1


@pytest.mark.parametrize("point", ["set_registered_model_tag", "set_registered_model_alias", "set_model_version_tag"])
@pytest.mark.parametrize("kind", ["rollback", "promotion"])
def test_after_a_kill_another_workspace_goes_back_too(registry, neighbour, monkeypatch, point, kind):
    promote(registry, 1, 2)

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(registry.client, point, killed)
        if kind == "rollback":
            registry.rollback("a person", "2 is worse")
        else:
            promote(registry, 3)
    champion = neighbour.champion()
    before = neighbour.previous()
    assert (champion, before) in ([(2, 1), (1, 0)] if kind == "rollback" else [(2, 1), (3, 2)])
    next_start = ModelRegistry(registry.workspace)
    next_start.recover_interrupted_moves()
    assert (next_start.champion(), next_start.previous()) == (champion, before)


def test_who_moved_the_champion_from_another_workspace_is_told_and_kept(registry, neighbour):
    promote(registry, 1)
    neighbour.recover_interrupted_moves()
    registry.move_champion(2, "a person", "better on sad", move_id="request")
    (entry,) = neighbour.recover_interrupted_moves()
    assert (entry.move.kind, entry.move.by, entry.move.reason, entry.move.source) == (
        "outside",
        "a person",
        "better on sad",
        1,
    )
    assert registry.show(2).tags["emotion.champion.by"] == "a person"
    assert neighbour.move_champion(2, "a person", "better on sad", move_id="request") == entry.move


@pytest.mark.parametrize("lost", ["last line", "every line"])
def test_a_repeated_rollback_whose_record_is_lost_moves_nothing(registry, lost):
    promote(registry, 1, 2)
    registry.rollback("flow run", "worse\u2028on sad", move_id="request")
    lines = registry.journal.path.read_bytes().split(b"\n")
    registry.journal.path.write_bytes(b"\n".join([*lines[:4], lines[4][:50], b""]) if lost == "last line" else b"")
    again = ModelRegistry(registry.workspace).rollback("flow run", "worse", move_id="request")
    assert (again.source, again.target) == (2, 1) if lost == "last line" else again.target == 1
    assert registry.champion() == 1
    with pytest.raises(PipelineError, match="got no earlier champion"):
        registry.rollback("a person", "another request")


def test_a_move_in_the_same_moment_from_another_workspace_is_noticed(registry, neighbour, monkeypatch):
    promote(registry, 1, 2)
    append = registry.journal.append

    def overtaken(event, move):
        entry = append(event, move)
        if event == "intent":
            promote(neighbour, 3)
        return entry

    with monkeypatch.context() as patch, pytest.raises(PipelineError, match="got version 3 as champion, expected 2"):
        patch.setattr(registry.journal, "append", overtaken)
        registry.rollback("a person", "2 is worse")
    assert registry.champion() == 3
    assert registry.rollback("a person", "3 is worse").target == 2


def test_a_registry_of_an_earlier_version_goes_back_by_the_journal(registry):
    promote(registry, 1, 2, 3)
    registry.client.delete_registered_model_tag(MODEL_NAME, "emotion.champions")
    assert registry.rollback("a person", "worse").target == 2
    registry.client.set_registered_model_tag(MODEL_NAME, "emotion.champions", "not a list")
    assert registry.previous() == 1
